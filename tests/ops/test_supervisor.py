"""The supervisor with toy processes: order, orders over the socket, signals, and plain words for a bad start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consult import supervisor as supervisor_module
from consult.supervise import control, health, plan
from consult.supervise.process import Spec
from consult.supervise.site import Problem, Site
from consult.supervisor import Supervisor

DIARY = """
import signal, sys, time
def end(*_):
    open("diary", "a").write("{name} stopped\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
open("diary", "a").write("{name} started\\n")
print("up", flush=True)
time.sleep(60)
"""
FAILING = "print('no weights here'); raise SystemExit(3)"


def spec(site: Site, name: str, code: str, stage: int = plan.WORKERS) -> Spec:
    return Spec(name, [sys.executable, "-c", code], dict(os.environ), site.var, stage, 2.0)


@pytest.fixture
async def toys(site: Site) -> AsyncIterator[Supervisor]:
    """A worker and a door, started, with the control socket open."""
    toys = Supervisor(
        site,
        [
            spec(site, "worker", DIARY.format(name="worker")),
            spec(site, "web", DIARY.format(name="web"), plan.DOORS),
        ],
    )
    server = await control.serve(site.control_socket, toys.obey)
    await toys.start_all()
    await until_diary(site, 2)
    yield toys
    await toys.stop_all()
    server.close()


async def until_diary(site: Site, lines: int) -> list[str]:
    """The toys' diary, once it has so many lines."""
    diary = site.var / "diary"
    async with asyncio.timeout(10):
        while not diary.exists() or len(diary.read_text().splitlines()) < lines:
            await asyncio.sleep(0.02)
    return diary.read_text().splitlines()


async def ask(site: Site, verb: str, name: str = "") -> control.Order:
    """What an operator's command does, off the loop that answers it."""
    return await asyncio.to_thread(control.ask, site.control_socket, verb, name)


async def test_doors_are_stopped_before_workers(toys: Supervisor, site: Site) -> None:
    await toys.stop_all()
    assert (await until_diary(site, 4))[2:] == ["web stopped", "worker stopped"]


async def test_an_operator_stops_one_process_and_starts_it_again(toys: Supervisor, site: Site) -> None:
    answer = await ask(site, "stop", "worker")
    assert answer["processes"]["worker"]["state"] == "stopped"
    assert answer["processes"]["web"]["state"] == "running"
    answer = await ask(site, "start", "worker")
    assert answer["processes"]["worker"]["state"] == "running"


async def test_a_process_killed_by_order_comes_back(toys: Supervisor, site: Site) -> None:
    before = (await ask(site, "status"))["processes"]["worker"]["pid"]
    await ask(site, "kill", "worker")

    async def is_back() -> bool:
        now = (await ask(site, "status"))["processes"]["worker"]
        return now["restarts"] == 1 and now["pid"] not in (None, before)

    assert await health.wait_until(is_back, 10)


async def test_shutdown_by_order_asks_the_supervisor_to_end(toys: Supervisor, site: Site) -> None:
    await ask(site, "shutdown")
    assert toys.asked_to_end.is_set()


async def test_an_unknown_process_is_refused_and_the_known_are_named(toys: Supervisor, site: Site) -> None:
    with pytest.raises(Problem, match="no process 'nginx'; there are worker, web"):
        await ask(site, "stop", "nginx")


async def test_an_unknown_order_is_refused(toys: Supervisor, site: Site) -> None:
    with pytest.raises(Problem, match="no order 'dance'"):
        await ask(site, "dance")


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"name": "web"}\n', b"\xff\xfe\n", b"x" * 10000 + b"\n", b""]
)
async def test_nonsense_on_the_socket_changes_nothing(toys: Supervisor, site: Site, line: bytes) -> None:
    _, writer = await asyncio.open_unix_connection(site.control_socket)
    writer.write(line)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    states = {process["state"] for process in (await ask(site, "status"))["processes"].values()}
    assert states == {"running"}


async def test_only_the_owner_may_give_orders(toys: Supervisor, site: Site) -> None:
    assert site.control_socket.stat().st_mode & 0o077 == 0


async def test_orders_without_a_supervisor_say_so(site: Site) -> None:
    with pytest.raises(Problem, match="No supervisor runs on .*make run"):
        await ask(site, "status")


async def test_a_process_that_keeps_dying_is_named_with_the_end_of_its_log(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consult.supervise.process.FIRST_DELAY_S", 0.01)
    failing = Supervisor(site, [spec(site, "worker-llm", FAILING)])
    await failing.start_all()
    try:
        with pytest.raises(Problem, match=r"(?s)worker-llm does not start.*no weights here"):
            await failing.wait_until_ready(timeout_s=20)
    finally:
        await failing.stop_all()


async def test_a_site_that_is_never_ready_is_given_up_with_the_names_of_what_is_missing(site: Site) -> None:
    empty = Supervisor(site, [])
    with pytest.raises(Problem, match="Not ready after 0 s: web"):
        await empty.wait_until_ready(timeout_s=0)


async def serve_once(site: Site, body: bytes, status: str = "200 OK") -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", site.port)


@pytest.mark.parametrize(
    ("status", "body", "waiting"),
    [
        ("200 OK", b'{"web": "ok", "worker-llm": true, "worker": {"ok": true}}', []),
        ("503 Service Unavailable", b'{"web": "ok", "worker-llm": "starting"}', ["worker-llm"]),
        ("503 Service Unavailable", b'{"web": "ok"}', ["web"]),
        ("500 Internal Server Error", b"oops", ["web"]),
        ("200 OK", b"[1, 2]", ["web"]),
    ],
)
async def test_the_health_page_says_who_is_not_ready(site: Site, status: str, body: bytes, waiting: list[str]) -> None:
    server = await serve_once(site, body, status)
    assert await health.not_ready(site) == waiting
    server.close()


async def test_a_second_supervisor_is_refused_before_it_touches_anything(site: Site) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"""
import time
from pathlib import Path
from consult.supervise import checks
from consult.supervise.site import Site
with checks.only_supervisor(Site(Path({str(site.var)!r}), {site.port}, {{}})):
    print("held", flush=True)
    time.sleep(60)
""",
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    try:
        await holder.stdout.readline()
        with pytest.raises(Problem, match=f"already runs on .*process {holder.pid}"):
            await supervisor_module.run(site)
    finally:
        holder.kill()
        await holder.wait()


async def test_the_command_line_prints_one_sentence_and_fails(var: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "consult.supervisor",
        "run",
        env={**os.environ, "CONSULT_VAR": str(var), "PORT": "http"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode == 1
    assert out == b""
    assert err == b"PORT is 'http', which is not a port number between 1 and 65535.\n"


async def test_the_first_signal_asks_and_the_second_kills(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = Supervisor(site, [])
    killed: list[bool] = []
    monkeypatch.setattr(toys, "kill_all", lambda: killed.append(True))
    with supervisor_module._signals_end(toys):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(toys.asked_to_end.wait(), 5)
        assert not killed
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
    assert killed == [True]
