"""The one small supervisor behind `make run`: prepares an installation, keeps its processes running, stops them.

Run: ``python -m consult.supervisor run``; while it runs, from another shell:
``python -m consult.supervisor status | stop NAME | start NAME | restart NAME | kill NAME | shutdown``.
CONSULT_VAR and PORT choose the installation. Knows nothing of Django; the plan of processes is supervise/plan.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from consult.supervise import checks, control, health, plan
from consult.supervise.logs import RotatingLog
from consult.supervise.process import Process, Spec, die_with
from consult.supervise.site import ROOT, Problem, Site

READY_TIMEOUT_S = 180.0
VALKEY_TIMEOUT_S = 30.0
DEATHS_BEFORE_GIVING_UP = 3
VERBS_WITH_NAME = ("stop", "start", "restart", "kill")


class Supervisor:
    """The owner of one installation's processes. Orders come one at a time."""

    def __init__(self, site: Site, specs: list[Spec]) -> None:
        self._site = site
        self._processes = {
            spec.name: Process(spec, RotatingLog(site.logs / f"{spec.name}.log"), self._notice) for spec in specs
        }
        self._orders = asyncio.Lock()
        self._ready = False
        self.asked_to_end = asyncio.Event()

    async def start_all(self) -> None:
        """Start every process, stage by stage. Raises Problem where Valkey does not answer."""
        for stage in sorted({process.spec.stage for process in self._processes.values()}):
            await asyncio.gather(*(process.start() for process in self._of_stage(stage)))
            if stage == plan.FIRST_STAGE:
                await self._wait_for_valkey()

    async def stop_all(self) -> None:
        """Stop every process, the last stage first: doors, then workers with their answers, then the queue."""
        for stage in sorted({process.spec.stage for process in self._processes.values()}, reverse=True):
            await asyncio.gather(*(process.stop() for process in self._of_stage(stage)))

    def kill_all(self) -> None:
        """End everything now. Only for the second Ctrl-C: nothing durable is lost, but answers in flight are cut."""
        for process in self._processes.values():
            process.kill()

    async def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when the site calls every part well. Raises Problem, with the log's end, where that will not be."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while waiting := await health.not_ready(self._site):
            if self.asked_to_end.is_set():
                return
            self._raise_for_the_dying()
            if loop.time() > end:
                raise Problem(f"Not ready after {timeout_s:.0f} s: {', '.join(waiting)}. See {self._site.logs}.")
            await asyncio.sleep(0.4)
        self._ready = True

    async def obey(self, verb: str, name: str) -> dict[str, Any]:
        """Carry out one order from the control socket and say how things stand. Raises Problem for a bad one."""
        if verb == "shutdown":
            self.asked_to_end.set()
        elif verb in VERBS_WITH_NAME:
            async with self._orders:
                await self._change(verb, self._named(name))
        elif verb != "status":
            raise Problem(f"There is no order {verb!r}.")
        return self.describe()

    def describe(self) -> dict[str, Any]:
        """Pid, address, whether start-up is over, and the state of each process."""
        processes = {name: process.describe() for name, process in self._processes.items()}
        return {"pid": os.getpid(), "url": self._site.url, "ready": self._ready, "processes": processes}

    async def _change(self, verb: str, process: Process) -> None:
        if verb == "kill":
            process.kill()
        if verb in ("stop", "restart"):
            await process.stop()
        if verb in ("start", "restart"):
            await process.start()
            if process.spec.stage == plan.FIRST_STAGE:
                await self._wait_for_valkey()

    async def _wait_for_valkey(self) -> None:
        path = self._site.valkey_socket
        if not await health.wait_until(lambda: health.valkey_answers(path), VALKEY_TIMEOUT_S, 0.05):
            raise Problem(_why_not("valkey", self._processes["valkey"].log))

    def _raise_for_the_dying(self) -> None:
        for name, process in self._processes.items():
            if process.quick_deaths >= DEATHS_BEFORE_GIVING_UP:
                raise Problem(_why_not(name, process.log))

    def _of_stage(self, stage: int) -> list[Process]:
        return [process for process in self._processes.values() if process.spec.stage == stage]

    def _named(self, name: str) -> Process:
        try:
            return self._processes[name]
        except KeyError:
            known = ", ".join(self._processes)
            raise Problem(f"There is no process {name!r}; there are {known}.") from None

    def _notice(self, line: str) -> None:
        print(line, flush=True)


def _why_not(name: str, log: RotatingLog) -> str:
    end = "\n".join(f"  {line}" for line in log.last_lines())
    return f"{name} does not start. The end of its log, var/log/{name}.log:\n{end}"


async def run(site: Site) -> None:
    """Prepare, start, say where to go, and stay until asked to end. Raises Problem where it cannot start."""
    checks.python_version()
    checks.var_writable(site)
    checks.socket_paths_fit(site)
    checks.disk_space(site)
    with checks.only_supervisor(site):
        checks.port_free(site)
        valkey = checks.valkey_binary() if site.has_own_valkey else None
        supervisor = Supervisor(site, plan.processes(site, valkey))
        with _signals_end(supervisor):
            await _prepare(site, supervisor)
            await _serve(site, supervisor)


async def _serve(site: Site, supervisor: Supervisor) -> None:
    server = await control.serve(site.control_socket, supervisor.obey)
    try:
        if not supervisor.asked_to_end.is_set():
            print("Starting Consult (the model takes some seconds to load)", flush=True)
            await supervisor.start_all()
            links = asyncio.create_task(_sign_in_links(site))
            await supervisor.wait_until_ready()
            _greet(site, supervisor, await links)
        await supervisor.asked_to_end.wait()
    finally:
        print("Stopping Consult", flush=True)
        await supervisor.stop_all()
        server.close()
        site.control_socket.unlink(missing_ok=True)


def _greet(site: Site, supervisor: Supervisor, links: str) -> None:
    if supervisor.asked_to_end.is_set():
        return
    print(f"\nConsult is ready at {site.url}\n")
    if links:
        print(f"Sign-in links, each for one use:\n{links}\n")
    print("Stop with Ctrl-C. Logs are in", site.logs, flush=True)


async def _prepare(site: Site, supervisor: Supervisor) -> None:
    """Run the set-up steps in their own process. Raises Problem where one failed: it has said why itself."""
    print("Preparing", flush=True)
    child = await _child(site, "consult.prepare")
    ended, asked = asyncio.create_task(child.wait()), asyncio.create_task(supervisor.asked_to_end.wait())
    await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not ended.done():
        child.terminate()
    if await ended and not supervisor.asked_to_end.is_set():
        raise Problem("")


async def _sign_in_links(site: Site) -> str:
    """Three one-time links, one a line, for the demonstration people; empty where the site has none."""
    child = await _child(site, "manage", "sign_in_links", "--base", site.url, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    return output.decode().rstrip() if child.returncode == 0 else ""


async def _child(site: Site, module: str, *arguments: str, stdout: int | None = None) -> asyncio.subprocess.Process:
    supervisor = os.getpid()
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env=site.child_environ(module),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        start_new_session=True,
        preexec_fn=lambda: die_with(supervisor),
    )


@contextlib.contextmanager
def _signals_end(supervisor: Supervisor) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP ends in order; a second one ends at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if supervisor.asked_to_end.is_set():
            supervisor.kill_all()
        supervisor.asked_to_end.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _show(status: dict[str, Any]) -> None:
    print(f"Consult at {status['url']}, supervisor process {status['pid']}")
    for name, process in status["processes"].items():
        pid = process["pid"] or "-"
        print(f"  {name:<12}{process['state']:<20}pid {pid:<9}{process['restarts']} restarts, {process['seconds']} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m consult.supervisor", description="Runs Consult's processes.")
    orders = parser.add_subparsers(dest="verb", required=True)
    orders.add_parser("run", help="prepare, start everything, stay until Ctrl-C")
    orders.add_parser("status", help="show the processes of the running supervisor")
    orders.add_parser("shutdown", help="stop everything")
    for verb in VERBS_WITH_NAME:
        orders.add_parser(verb, help=f"{verb} one process").add_argument("name")
    return parser.parse_args()


def main() -> int:
    """Carry out the command line. Returns the exit status; problems are one sentence on stderr."""
    arguments = _arguments()
    try:
        site = Site.from_environ()
        if arguments.verb == "run":
            asyncio.run(run(site))
        else:
            _show(control.ask(site.control_socket, arguments.verb, getattr(arguments, "name", "")))
    except Problem as problem:
        if str(problem):
            print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
