"""RDS's query protocol: answers are written by the service's own model, so that names and shapes are AWS's.

Source: botocore's service model of RDS (apiVersion 2014-10-31).
"""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from chalicelib.sandbox.ec2.wire import AwsError, Tree, several

NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"


@cache
def model() -> Any:
    """Return botocore's model of RDS."""
    import botocore.session

    return botocore.session.get_session().get_service_model("rds")


def tags_in(tree: Tree) -> dict[str, str]:
    """Return the tags that a request gives."""
    given = several(tree.get("Tags", {}).get("Tag")) if isinstance(tree.get("Tags"), dict) else []
    return {tag["Key"]: tag.get("Value", "") for tag in given}


def filters_in(tree: Tree) -> dict[str, list[str]]:
    """Return the filters that a request gives."""
    given = several(tree.get("Filters", {}).get("Filter")) if isinstance(tree.get("Filters"), dict) else []
    return {one["Name"]: [str(value) for value in several(one.get("Values", {}).get("Value"))] for one in given}


def answer(operation: str, result: Tree, request_id: str) -> bytes:
    """Write an answer; fields that the model does not know are an error of the sandbox."""
    output = model().operation_model(operation).output_shape
    inner = "" if output is None else f"<{operation}Result>{_members(output, result)}</{operation}Result>"
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{operation}Response xmlns="{NAMESPACE}">{inner}{meta}</{operation}Response>'.encode()


def refusal(error: AwsError, request_id: str) -> bytes:
    """Write a refusal."""
    said = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{said}</Error><RequestId>{request_id}</RequestId></ErrorResponse>'
    ).encode()


def _members(shape: Any, value: Tree) -> str:
    return "".join(_element(name, shape.members[name], part) for name, part in value.items() if part is not None)


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        inner = _members(shape, value)
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        inner = "".join(_element(item, shape.member, part) for part in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"
