"""One HTTP GET to where a runbook says, and to nowhere else.

The name is resolved once, every address is looked at, and the connection goes to one of these: a name cannot lead to
the instance metadata service or the function's own runtime, however it is answered the second time. Redirects are
answers like any other. Source of the metadata addresses:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

READ_AT_MOST = 65_536  # bytes of the body that are looked at
METADATA_V6 = ipaddress.ip_address("fd00:ec2::254")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Answer:
    """What came back: status and text, or `trouble` when nothing did."""

    status: int = 0
    text: str = ""
    trouble: str = ""


def forbidden(address: Address) -> str:
    """Return why a runbook may not reach an address; "" when it may. Private networks are allowed."""
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain == METADATA_V6 or plain.is_link_local:
        return "is a link-local or metadata address"
    if plain.is_loopback or plain.is_unspecified:
        return "is this machine itself"
    if plain.is_multicast or plain.is_reserved:
        return "is no address of a host"
    return ""


def get(url: str, timeout_s: float, refuses: Callable[[Address], str] = forbidden) -> Answer:
    """Ask once and return what came; never raises.

    Args:
        url: `http://` or `https://`, without a user in it.
        timeout_s: Longest wait for the connection, and for each part of the answer.
        refuses: Why an address may not be reached; "" when it may.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Answer(trouble=f"{host} is not known: {error}")
    address = str(places[0][4][0])
    for place in places:
        why = refuses(ipaddress.ip_address(str(place[4][0]).split("%", 1)[0]))
        if why:
            return Answer(trouble=f"{host} leads to {place[4][0]}, which {why}; it was not asked")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        return _asked(_connection(parts.scheme, host, port, address, timeout_s), path)
    except (OSError, http.client.HTTPException) as error:
        return Answer(trouble=f"{type(error).__name__}: {error}")


def _connection(scheme: str, host: str, port: int, address: str, timeout_s: float) -> http.client.HTTPConnection:
    made = http.client.HTTPConnection(host, port, timeout=timeout_s)
    raw = socket.create_connection((address, port), timeout=timeout_s)
    made.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=host) if scheme == "https" else raw
    return made


def _asked(connection: http.client.HTTPConnection, path: str) -> Answer:
    try:
        connection.request("GET", path, headers={"User-Agent": "lifeboat", "Accept": "*/*", "Connection": "close"})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(READ_AT_MOST).decode(errors="replace"))
    finally:
        connection.close()
