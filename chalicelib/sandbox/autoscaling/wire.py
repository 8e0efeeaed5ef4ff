"""Auto Scaling's query protocol: answers are written by the service's own model, so that names and shapes are AWS's.

Source: botocore's service model of Auto Scaling (apiVersion 2011-01-01).
"""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from chalicelib.sandbox.ec2.wire import AwsError, Tree, several

NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"


@cache
def model() -> Any:
    """Return botocore's model of Auto Scaling."""
    import botocore.session

    return botocore.session.get_session().get_service_model("autoscaling")


def members(tree: Tree, name: str) -> list[Any]:
    """Return the members of a list in a request."""
    node = tree.get(name)
    return several(node.get("member")) if isinstance(node, dict) else []


def filters_in(tree: Tree) -> dict[str, list[str]]:
    """Return the filters that a request gives."""
    return {one["Name"]: [str(value) for value in members(one, "Values")] for one in members(tree, "Filters")}


def answer(operation: str, result: Tree, request_id: str) -> bytes:
    """Write an answer; fields that the model does not know are an error of the sandbox."""
    output = model().operation_model(operation).output_shape
    inner = "" if output is None else f"<{operation}Result>{_fields(output, result)}</{operation}Result>"
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{operation}Response xmlns="{NAMESPACE}">{inner}{meta}</{operation}Response>'.encode()


def refusal(error: AwsError, request_id: str) -> bytes:
    """Write a refusal."""
    said = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{said}</Error><RequestId>{request_id}</RequestId></ErrorResponse>'
    ).encode()


def _fields(shape: Any, value: Tree) -> str:
    return "".join(_element(name, shape.members[name], part) for name, part in value.items() if part is not None)


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        inner = _fields(shape, value)
    elif shape.type_name == "list":
        inner = "".join(_element("member", shape.member, part) for part in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"
