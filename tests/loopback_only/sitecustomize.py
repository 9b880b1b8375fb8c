"""Put on PYTHONPATH of every process of a live test site: connections that leave the machine are refused and noted.

Python imports this file by its name at start-up. It reads CONSULT_TEST_EGRESS_LOG, where attempts are written.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

_connect, _connect_ex, _sendto, _resolve = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.socket.sendto,
    socket.getaddrinfo,
)


def _stays_here(family: int, address: Any) -> bool:
    if family == socket.AF_UNIX or not isinstance(address, tuple):
        return True
    return _is_loopback(address[0])


def _is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in (None, "", "localhost", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(address: Any) -> None:
    line = f"{os.environ.get('CONSULT_PROCESS', sys.argv[0])} wanted {address!r}\n"
    with open(os.environ["CONSULT_TEST_EGRESS_LOG"], "a") as log:
        log.write(line)
    raise OSError("sockets to the outside are refused in tests: " + line)


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if not _stays_here(self.family, address):
        _refuse(address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    if not _stays_here(self.family, address):
        _refuse(address)
    return _connect_ex(self, address)


def _guarded_sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    if not _stays_here(self.family, rest[-1]):
        _refuse(rest[-1])
    return _sendto(self, data, *rest)


def _guarded_resolve(host: Any, *rest: Any, **named: Any) -> Any:
    if not _is_loopback(host) and host != socket.gethostname():
        _refuse(host)
    return _resolve(host, *rest, **named)


if "CONSULT_TEST_EGRESS_LOG" in os.environ:
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign]
    socket.socket.sendto = _guarded_sendto  # type: ignore[method-assign,assignment]
    socket.getaddrinfo = _guarded_resolve
