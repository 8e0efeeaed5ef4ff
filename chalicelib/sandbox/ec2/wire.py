"""EC2's query protocol: form fields in, XML out.

Source of the names: botocore's service model of EC2.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"

Tree = dict[str, Any]
MISMATCH = "The client token was used before with different parameters of the request."


class AwsError(Exception):
    """A refusal in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def fields(body: bytes) -> Tree:
    """Read the form fields of a request as a tree: `Filter.1.Name=x` is `{"Filter": {"1": {"Name": "x"}}}`."""
    tree: Tree = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        *path, last = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def several(node: Any) -> list[Any]:
    """Return the members of a numbered list in order; nothing for a missing list."""
    return [node[key] for key in sorted(node, key=int)] if isinstance(node, dict) else []


def truth(value: str | None, *, default: bool = False) -> bool:
    """Read EC2's `true` and `false`."""
    return default if value is None else value.lower() == "true"


def tag_specifications(tree: Tree, kind: str, also: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the tags asked for one kind of resource; `also` are further kinds that the operation makes.

    Raises:
        AwsError: another kind of resource is named (InvalidParameterValue), as EC2 answers.
    """
    wanted: dict[str, str] = {}
    for spec in several(tree.get("TagSpecification")):
        if spec.get("ResourceType") in also:
            continue
        if spec.get("ResourceType") != kind:
            raise AwsError(
                "InvalidParameterValue",
                f"'{spec.get('ResourceType')}' is not a valid taggable resource type for this operation.",
            )
        for tag in several(spec.get("Tag")):
            wanted[tag["Key"]] = tag.get("Value", "")
    return wanted


def tag_set(tags: dict[str, str]) -> list[Tree] | None:
    """Return tags as EC2's answers hold them: without any tags there is no `Tags` at all."""
    return [{"key": key, "value": value} for key, value in tags.items()] or None


def xml(name: str, value: Any) -> str:
    """Write a value as one element; None is left out, lists get `item` elements, True is `true`."""
    if value is None:
        return ""
    if isinstance(value, dict):
        inner = "".join([xml(key, part) for key, part in value.items()])
    elif isinstance(value, list):
        inner = "".join([xml("item", part) for part in value])
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def answer(operation: str, value: Tree, request_id: str) -> bytes:
    """Write a whole answer."""
    inner = "".join([xml(key, part) for key, part in value.items()])
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response xmlns="{NAMESPACE}">'
        f"<requestId>{request_id}</requestId>{inner}</{operation}Response>"
    ).encode()


def refusal(error: AwsError, request_id: str) -> bytes:
    """Write a whole error answer."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"{xml('Code', error.code)}{xml('Message', error.message)}</Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    ).encode()
