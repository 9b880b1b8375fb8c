"""What the tests of running and installing share."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from consult.supervise.site import Site


@pytest.fixture
def var() -> Iterator[Path]:
    """A runtime folder with a short path, as the sockets in it need."""
    folder = Path(tempfile.mkdtemp(prefix="consult-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def site(var: Path, port: int) -> Site:
    """An installation of its own."""
    for folder in ("run", "log", "valkey"):
        (var / folder).mkdir()
    return Site(var, port, {})
