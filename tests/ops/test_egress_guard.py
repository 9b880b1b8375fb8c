"""The guard that live sites run under refuses what leaves the machine, notes it, and lets the rest through."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import GUARD

OUTSIDE = {
    "an address": "socket.create_connection(('192.0.2.1', 80), timeout=1)",
    "a name": "socket.getaddrinfo('example.org', 443)",
    "a library": "urllib.request.urlopen('https://example.org/', timeout=1)",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "connect_ex": "socket.socket().connect_ex(('192.0.2.1', 80))",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "asyncio": "asyncio.run(asyncio.open_connection('192.0.2.1', 80))",
}


def guarded(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(GUARD), "CONSULT_TEST_EGRESS_LOG": str(log), "CONSULT_PROCESS": "toy"}
    source = f"import asyncio, socket, urllib.request\n{code}"
    return subprocess.run([sys.executable, "-c", source], env=environ, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("code", OUTSIDE.values(), ids=OUTSIDE)
def test_what_leaves_the_machine_is_refused_and_noted(code: str, var: Path) -> None:
    done = guarded(code, var / "egress.log")
    assert done.returncode != 0
    assert "refused in tests" in done.stderr
    assert (var / "egress.log").read_text().startswith("toy wanted ")


def test_loopback_and_unix_sockets_work_as_ever(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        port = server.getsockname()[1]
        unix.bind(str(var / "s"))
        unix.listen()
        code = f"""
socket.create_connection(("127.0.0.1", {port})).close()
socket.create_connection(("localhost", {port})).close()
socket.socket(socket.AF_UNIX).connect({str(var / "s")!r})
"""
        done = guarded(code, var / "egress.log")
    assert done.returncode == 0, done.stderr
    assert not (var / "egress.log").exists()
