"""The query protocol of several services: form fields in; answers written by the service's own model in botocore."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.request import Response


@cache
def model(service: str) -> Any:
    """Return botocore's model of a service."""
    import botocore.session

    return botocore.session.get_session().get_service_model(service)


def members(tree: Tree, name: str) -> list[Any]:
    """Return the members of a list that a request gives; nothing for a missing list."""
    given = tree.get(name)
    return several(given.get("member")) if isinstance(given, dict) else []


def answer(service: str, operation: str, result: Tree, request_id: str) -> Response:
    """Return an answer; fields that the model does not know are an error of the sandbox."""
    of = model(service)
    output = of.operation_model(operation).output_shape
    inner = "" if output is None else f"<{operation}Result>{_members(output, result)}</{operation}Result>"
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    text = f'<{operation}Response xmlns="{of.metadata["xmlNamespace"]}">{inner}{meta}</{operation}Response>'
    return _xml(200, text, request_id)


def refusal(service: str, error: AwsError, request_id: str) -> Response:
    """Return a refusal."""
    said = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    body = f"<Error>{said}</Error><RequestId>{request_id}</RequestId>"
    text = f'<ErrorResponse xmlns="{model(service).metadata["xmlNamespace"]}">{body}</ErrorResponse>'
    return _xml(error.status, text, request_id)


def page(things: Sequence[Any], marker: Any, size: int) -> tuple[list[Any], str | None]:
    """Cut a page out of things that keep their order; a marker is the number of the first one."""
    start = int(marker) if isinstance(marker, str) and marker.isdigit() else 0
    end = start + size
    return list(things[start:end]), str(end) if end < len(things) else None


def _xml(status: int, text: str, request_id: str) -> Response:
    return Response(status, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)], text.encode())


def _members(shape: Any, value: Tree) -> str:
    return "".join(_element(name, shape.members[name], part) for name, part in value.items() if part is not None)


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        inner = _members(shape, value)
    elif shape.type_name == "list":
        inner = "".join(_element("member", shape.member, part) for part in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"
