"""One kept process: restarted when it dies, stopped with grace, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from consult.supervise import process as process_module
from consult.supervise.logs import RotatingLog
from consult.supervise.process import Process, Spec, State

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
FAILING = "import sys; print('no weights here'); sys.exit(3)"

Make = Callable[..., Process]


@pytest.fixture
async def make(var: Path) -> AsyncIterator[Make]:
    """Makes kept processes out of Python source, and stops them all at the end."""
    made: list[Process] = []

    def make_one(code: str, *, grace_s: float = 2.0) -> Process:
        spec = Spec("toy", [sys.executable, "-c", code], dict(os.environ), var, grace_s=grace_s)
        made.append(Process(spec, RotatingLog(var / "toy.log"), lambda line: None))
        return made[-1]

    yield make_one
    for one in made:
        await one.stop()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for a condition; fails the test when it does not come."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_a_killed_process_comes_back_under_a_new_pid(make: Make) -> None:
    toy = make(SLEEPER)
    await toy.start()
    first = toy.pid
    toy.kill()
    await until(lambda: toy.restarts == 1 and toy.state is State.RUNNING)
    assert toy.pid not in (None, first)


async def test_a_stopped_process_stays_stopped(make: Make) -> None:
    toy = make(SLEEPER)
    await toy.start()
    pid = toy.pid
    assert pid is not None
    await toy.stop()
    await asyncio.sleep(0.1)
    assert toy.state is State.STOPPED
    assert toy.pid is None
    assert toy.restarts == 0
    assert not alive(pid)


async def test_a_stopped_process_can_be_started_again(make: Make) -> None:
    toy = make(SLEEPER)
    await toy.start()
    await toy.stop()
    await toy.start()
    assert toy.state is State.RUNNING


async def test_starting_a_running_process_does_not_make_a_second_one(make: Make) -> None:
    toy = make(SLEEPER)
    await toy.start()
    pid = toy.pid
    await toy.start()
    assert toy.pid == pid


async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(make: Make, var: Path) -> None:
    toy = make(STUBBORN, grace_s=0.3)
    await toy.start()
    await until(lambda: (var / "toy.log").exists() and b"up" in (var / "toy.log").read_bytes())
    await asyncio.wait_for(toy.stop(), 5)
    assert toy.state is State.STOPPED
    assert "SIGKILL" in (var / "toy.log").read_text()


async def test_each_quick_death_doubles_the_wait(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    toy = make(FAILING)

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(toy, "_pause", note)
    await toy.start()
    await until(lambda: len(waits) >= 4)
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]


async def test_the_wait_never_grows_past_its_bound(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    toy = make(FAILING)

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(toy, "_pause", note)
    monkeypatch.setattr(process_module, "LONGEST_DELAY_S", 1.5)
    await toy.start()
    await until(lambda: len(waits) >= 4)
    assert waits[:4] == [0.5, 1.0, 1.5, 1.5]


async def test_a_process_waiting_to_restart_can_be_stopped_at_once(make: Make) -> None:
    toy = make(FAILING)
    await toy.start()
    await until(lambda: toy.state is State.WAITING)
    await asyncio.wait_for(toy.stop(), 0.4)
    assert toy.state is State.STOPPED


async def test_a_process_waiting_to_restart_can_be_started_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "FIRST_DELAY_S", 30.0)
    toy = make(SLEEPER)
    await toy.start()
    toy.kill()
    await until(lambda: toy.state is State.WAITING)
    await toy.start()
    await until(lambda: toy.state is State.RUNNING, 5)


async def test_the_log_holds_what_was_printed_and_how_it_ended(make: Make) -> None:
    toy = make(FAILING)
    await toy.start()
    await until(lambda: toy.state is State.WAITING)
    assert toy.log.last_lines()[:2] == ["no weights here", "[supervisor] toy ended with exit code 3"]


async def test_stopping_takes_a_childs_own_children_along(make: Make, var: Path) -> None:
    family = f"""
import subprocess, sys, time, signal
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("child", child.pid, flush=True)
time.sleep(60)
"""
    toy = make(family, grace_s=0.3)
    await toy.start()
    await until(lambda: any(line.startswith("child ") for line in toy.log.last_lines()))
    pid = next(int(line.split()[1]) for line in toy.log.last_lines() if line.startswith("child "))
    await toy.stop()
    await until(lambda: not alive(pid))


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="children outlive a killed supervisor only on Linux not"
)
def test_children_die_with_a_supervisor_that_was_killed(var: Path) -> None:
    boss = f"""
import asyncio, os, sys
from pathlib import Path
from consult.supervise.logs import RotatingLog
from consult.supervise.process import Process, Spec

async def main():
    spec = Spec("toy", [sys.executable, "-c", {SLEEPER!r}], dict(os.environ), Path({str(var)!r}))
    toy = Process(spec, RotatingLog(Path({str(var / "toy.log")!r})), print)
    await toy.start()
    print(toy.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", boss], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert alive(pid)
        supervisor.send_signal(signal.SIGKILL)
    asyncio.run(until(lambda: not alive(pid)))
