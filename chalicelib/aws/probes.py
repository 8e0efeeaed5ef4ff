"""Whether somebody listens: a TCP connection, opened and closed."""

from __future__ import annotations

import socket


def refusal(host: str, port: int, timeout_s: float) -> str:
    """Return why no TCP connection to a port could be opened within so many seconds; "" when one could."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        return str(error) or type(error).__name__
    return ""
