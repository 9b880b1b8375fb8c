"""A whole installation for integration and browser tests: the real supervisor, the real processes, its own folder.

``with LiveSite() as site`` starts one and always stops it; the fixture ``live_site`` shares one for a test run.
No process of it may open a connection that leaves the machine: attempts are refused and fail the test at the end.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from consult.supervise import control
from consult.supervise.site import Problem
from tests.environment import ROOT, link_weights

START_TIMEOUT_S = 240.0
GUARD = ROOT / "tests" / "loopback_only"


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LiveSite:
    """One running installation. ``environ`` adds settings to every process of it; ``inside`` is a command that
    runs the supervisor in a smaller world, ``unshare --net`` say."""

    def __init__(self, environ: Mapping[str, str] | None = None, inside: Sequence[str] = ()) -> None:
        self._inside = inside
        self.var = Path(tempfile.mkdtemp(prefix="consult-live-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.egress_log = self.var / "egress.log"
        self._database = _TestDatabase.on_server_of(os.environ.get("DATABASE_URL", ""))
        self._environ = {**os.environ, **self._own_environ(), **(environ or {})}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start_up()
        except BaseException:
            self.tear_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.tear_down()

    # --- the whole -----------------------------------------------------------------------------------------------

    def start_up(self) -> None:
        """Start the supervisor and wait until it calls everything ready. Raises AssertionError with its output."""
        if not (self.var / "models").exists():
            link_weights(self.var)
        if self._database is not None:
            self._database.create()
        self._launch()
        self.wait_until_ready()

    def shut_down(self, timeout_s: float = 90.0) -> int:
        """Ask the supervisor to end, as Ctrl-C does, and return its exit status. The data stays."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGINT)
        return self._supervisor.wait(timeout_s)

    def wait_for_the_end(self, timeout_s: float = 30.0) -> None:
        """Until the supervisor is gone, however that came."""
        assert self._supervisor is not None
        self._supervisor.wait(timeout_s)

    def start_again(self) -> float:
        """Start on the same data after an end. Returns the seconds until ready."""
        began = time.monotonic()
        self._launch()
        self.wait_until_ready()
        return time.monotonic() - began

    def tear_down(self) -> None:
        """Stop everything and remove every trace. Raises AssertionError where a process tried to leave the machine."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            try:
                self.shut_down()
            except subprocess.TimeoutExpired:
                self._supervisor.kill()  # its children go with it
                self._supervisor.wait()
        attempts = self.egress_log.read_text() if self.egress_log.exists() else ""
        if self._database is not None:
            self._database.drop()
        self._keep_logs()
        shutil.rmtree(self.var, ignore_errors=True)
        assert not attempts, f"tried to leave the machine:\n{attempts}"

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._supervisor is not None
        return self._supervisor.pid

    @property
    def output(self) -> str:
        """What a person at the terminal would have seen."""
        return (self.var / "terminal.txt").read_text(errors="replace")

    def wait_until_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until start-up is over. Raises AssertionError, with the output, where it fails."""
        assert self._supervisor is not None
        end = time.monotonic() + timeout_s
        while True:
            assert self._supervisor.poll() is None, f"the supervisor ended:\n{self.output}"
            assert time.monotonic() < end, f"not ready after {timeout_s} s:\n{self.output}"
            try:
                if self.status()["ready"]:
                    return
            except Problem:
                pass  # it is still preparing, its socket comes later
            time.sleep(0.1)

    def wait_for_web(self, timeout_s: float = 60.0) -> None:
        """Until the web process answers, after it was stopped and started."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                urlopen(f"{self.url}/health/live", timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < end, f"no answer after {timeout_s} s"
                time.sleep(0.1)

    # --- one process ---------------------------------------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Stop one process, ``worker-llm`` or ``valkey`` say, and leave it stopped."""
        self._order("stop", name)

    def start(self, name: str) -> None:
        """Start a stopped process. Valkey answers when this returns; the others may need a moment."""
        self._order("start", name)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would be. The supervisor starts it again by itself."""
        self._order("kill", name)

    def status(self) -> dict[str, Any]:
        """What the supervisor says of itself and of each process."""
        return self._order("status")

    def pid_of(self, name: str) -> int | None:
        """The process id of ``name``, or None while it does not run."""
        pid: int | None = self.status()["processes"][name]["pid"]
        return pid

    def log(self, name: str) -> str:
        """Everything that process has printed."""
        path = self.var / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- people and commands -------------------------------------------------------------------------------------

    def sign_in_link(self, username: str) -> str:
        """A fresh one-time link for ``alice``, ``bob``, ``chen``, ``diaz`` or ``olu``."""
        line = self.manage("sign_in_links", "--base", self.url, "--user", username).strip()
        return line.split()[-1]

    def manage(self, *arguments: str, timeout_s: float = 60.0) -> str:
        """``manage.py`` on this installation. Returns its output; raises AssertionError with it where it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self._environ, "REDIS_URL": self.redis_url},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def redis_url(self) -> str:
        """Where this installation's Valkey listens."""
        return f"unix://{self.var}/run/valkey.sock"

    # --- inside --------------------------------------------------------------------------------------------------

    def _order(self, verb: str, name: str = "") -> dict[str, Any]:
        return control.ask(self.var / "run" / "supervisor.sock", verb, name)

    def _launch(self) -> None:
        with (self.var / "terminal.txt").open("ab") as terminal:
            self._supervisor = subprocess.Popen(
                [*self._inside, sys.executable, "-m", "consult.supervisor", "run"],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )

    def _own_environ(self) -> dict[str, str]:
        own = {
            "CONSULT_VAR": str(self.var),
            "PORT": str(self.port),
            "CONSULT_MESSAGES_PER_MINUTE": "600",  # one Alice writes for all tests; limits have tests of their own
            "PYTHONPATH": str(GUARD),
            "CONSULT_TEST_EGRESS_LOG": str(self.egress_log),
        }
        return own if self._database is None else {**own, "DATABASE_URL": self._database.url}

    def _keep_logs(self) -> None:
        """Where CONSULT_TEST_LOGS names a folder, leave the logs there for whoever looks into a failure."""
        if folder := os.environ.get("CONSULT_TEST_LOGS"):
            kept = Path(folder) / self.var.name
            shutil.copytree(self.var / "log", kept, dirs_exist_ok=True)
            shutil.copy(self.var / "terminal.txt", kept)


class _TestDatabase:
    """A database of its own on a PostgreSQL server, since a live site cannot share the unit tests' one."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._name = f"consult_live_{secrets.token_hex(4)}"
        self.url = urlunsplit(urlsplit(server_url)._replace(path=f"/{self._name}"))

    @classmethod
    def on_server_of(cls, url: str) -> _TestDatabase | None:
        """None where ``url`` is not PostgreSQL's: then the live site has SQLite in its own folder."""
        return cls(url) if urlsplit(url).scheme.startswith("postgres") else None

    def create(self) -> None:
        self._execute(f'CREATE DATABASE "{self._name}"')

    def drop(self) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]  # the name is our own
