"""One child process kept running: started, restarted with back-off when it dies, stopped with grace.

Knows nothing of what the child does. A child never outlives the supervisor, not even a supervisor that was killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from consult.supervise.logs import RotatingLog

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STEADY_AFTER_S = 20.0
PR_SET_PDEATHSIG = 1


class State(StrEnum):
    """Where a process is in its life."""

    STOPPED = "stopped"
    RUNNING = "running"
    STOPPING = "stopping"
    WAITING = "waiting to restart"


@dataclass(frozen=True, slots=True)
class Spec:
    """How to run one process. Stages start in rising order and stop in falling order; ``grace_s`` is how long
    it may take to end after SIGTERM before SIGKILL."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    stage: int = 1
    grace_s: float = 5.0


class Process:
    """The running side of a Spec. ``notice`` gets one line for each thing worth telling an operator."""

    def __init__(self, spec: Spec, log: RotatingLog, notice: Callable[[str], None]) -> None:
        self.spec = spec
        self.log = log
        self.state = State.STOPPED
        self.restarts = 0
        self.quick_deaths = 0
        self._notice = notice
        self._wanted = False
        self._child: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._since = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is no child."""
        return self._child.pid if self._child is not None else None

    def describe(self) -> dict[str, Any]:
        """What ``status`` shows: state, pid, number of restarts, seconds in this state."""
        age = round(time.monotonic() - self._since, 1)
        return {"state": self.state.value, "pid": self.pid, "restarts": self.restarts, "seconds": age}

    async def start(self) -> None:
        """Run it and keep it running. Where it waits to be restarted, restart it now."""
        self._wanted = True
        if self._keeper is not None and not self._keeper.done():
            self._hurry.set()
            return
        self.quick_deaths = 0
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it and leave it ended: SIGTERM, the grace, then SIGKILL for the whole group."""
        self._wanted = False
        self._hurry.set()
        child, keeper = self._child, self._keeper
        if child is not None:
            self._enter(State.STOPPING)
            _signal(child.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(asyncio.shield(child.wait()), self.spec.grace_s)
            except TimeoutError:
                self._notice(f"{self.spec.name} did not stop within {self.spec.grace_s:.0f} s and was killed")
                self.kill()
        if keeper is not None:
            await keeper

    def kill(self) -> None:
        """SIGKILL to the child and its group. The keeper restarts it unless it was being stopped."""
        if self._child is not None:
            try:
                os.killpg(self._child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it was already gone

    async def _keep(self) -> None:
        while True:
            lived_s = await self._watch()
            if self._is_unwanted():
                break
            self.quick_deaths = self.quick_deaths + 1 if lived_s < STEADY_AFTER_S else 1
            delay_s = min(FIRST_DELAY_S * 2 ** (self.quick_deaths - 1), LONGEST_DELAY_S)
            self._notice(f"{self.spec.name} ended by itself; restarting in {delay_s:.1f} s")
            self._enter(State.WAITING)
            await self._pause(delay_s)
            if self._is_unwanted():
                break
            self.restarts += 1
            try:
                await self._spawn()
            except OSError as error:  # no memory, no process slots: as good as a quick death
                self.log.write(f"[supervisor] {self.spec.name} could not be started: {error.strerror}\n".encode())
        self._enter(State.STOPPED)
        self.log.close()

    def _is_unwanted(self) -> bool:
        """Asked anew after each wait: an order may have come meanwhile."""
        return not self._wanted

    async def _watch(self) -> float:
        """Copy the child's output until it ends. Returns how many seconds it lived."""
        child, started = self._child, self._since
        if child is None:
            return 0.0
        assert child.stdout is not None
        pump = asyncio.create_task(self._pump(child.stdout))
        code = await child.wait()
        # A grandchild may hold the pipe open for ever; what the child itself printed arrives within this time.
        await asyncio.wait([pump], timeout=1.0)
        pump.cancel()
        self._child = None
        self.log.write(f"[supervisor] {self.spec.name} ended with {_meaning(code)}\n".encode())
        return time.monotonic() - started

    async def _pump(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(65536):
            self.log.write(data)

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            pass  # nobody hurried us: the back-off is over

    async def _spawn(self) -> None:
        supervisor = os.getpid()
        self._child = await asyncio.create_subprocess_exec(
            *self.spec.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.spec.environ),
            cwd=self.spec.cwd,
            start_new_session=True,  # Ctrl-C at the terminal is ours alone, so that the order of stopping is too
            preexec_fn=lambda: die_with(supervisor),
        )
        self._enter(State.RUNNING)

    def _enter(self, state: State) -> None:
        self.state = state
        self._since = time.monotonic()


def die_with(parent: int) -> None:
    """In a fresh child: be killed when ``parent`` dies. Linux only; elsewhere a killed supervisor leaves children."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended by itself in this very moment


def _meaning(code: int) -> str:
    """An exit status in words: 'exit code 3' or 'SIGKILL'."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
