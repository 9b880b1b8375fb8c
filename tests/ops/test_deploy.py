"""The production files: whole, hardened, without passwords, and in step with what `make run` runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from consult.supervise import plan
from consult.supervise.site import Site
from deploy import healthcheck
from tests.environment import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OURS = ("setup", "web", "worker-llm", "worker", "beat")
MODEL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def flags(words: list[str]) -> set[str]:
    """The options of a command line, without those that rightly differ between one machine and production."""
    differing = ("--host", "--port", "--schedule", "--concurrency", "--timeout-graceful-shutdown", "--pidfile")
    return {word for word in words if word.startswith("--") and not word.startswith(differing)}


def embedded(name: str) -> set[str]:
    specs = plan.processes(Site(Path("/x"), 8000, {}), Path("/valkey"))
    return flags(list(next(spec.argv for spec in specs if spec.name == name)))


def dockerfile_command(name: str) -> list[str]:
    command = re.search(r"^CMD (\[.*\])\s*\Z", (DEPLOY / f"Dockerfile.{name}").read_text(), re.S | re.M)
    assert command is not None
    words: list[str] = yaml.safe_load(command[1].replace("\\\n", " "))
    return words


def unit(name: str) -> dict[str, str]:
    """The settings of one unit; where a name is set twice the last counts."""
    lines = (DEPLOY / "systemd" / f"consult-{name}.service").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("name", ["postgres", "valkey", *OURS])
def test_a_container_may_change_nothing_but_its_data_and_is_nobody_special(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0


@pytest.mark.parametrize("name", ["postgres", "valkey", "web", "worker-llm", "worker", "beat"])
def test_everything_that_stays_up_has_a_healthcheck(compose: dict[str, Any], name: str) -> None:
    assert compose["services"][name]["healthcheck"]["test"]


def test_only_web_has_a_way_to_the_outside_and_only_on_loopback(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"]["internal"] is True
    open_to = {name for name, service in compose["services"].items() if service.get("networks") != ["inside"]}
    assert open_to == {"web"}
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_no_password_is_written_down(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert re.findall(r"PASSWORD:-", text) == []
    secret_lines = [line for line in (DEPLOY / "env.example").read_text().splitlines() if not line.startswith("#")]
    values = dict(line.split("=", 1) for line in secret_lines if line)
    for name in ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "SECRET_KEY", "CONSULT_FIELD_KEYS"):
        assert values[name] == ""


def test_every_setting_named_for_production_is_one_that_the_code_reads(compose: dict[str, Any]) -> None:
    code = "\n".join(path.read_text() for top in ("consult", "llm") for path in (ROOT / top).rglob("*.py"))
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.M))
    named |= set(compose["x-consult"]["environment"])
    unread = {name for name in named - {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"} if f'"{name}' not in code}
    assert unread == set()


@pytest.mark.parametrize("image", ["web", "worker"])
def test_an_image_copies_only_what_is_there_and_let_through(image: str) -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / f"Dockerfile.{image}").read_text(), re.M)
    paths = {path for line in copied for path in line.split()}
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    assert paths <= let_through


def test_the_web_image_has_no_torch() -> None:
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements-web.txt").read_text(), re.M))
    assert locked.isdisjoint(MODEL_PACKAGES)
    assert "torch" not in re.sub(r"#.*", "", (DEPLOY / "Dockerfile.web").read_text())


def test_containers_run_what_make_run_runs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert flags(dockerfile_command("web")) == embedded("web")
    assert flags(dockerfile_command("worker")) == embedded("worker-llm")
    assert flags(services["worker"]["command"]) == embedded("worker")
    assert flags(services["beat"]["command"]) == embedded("beat")


@pytest.mark.parametrize("name", ["web", "worker-llm", "worker", "beat"])
def test_units_run_what_make_run_runs(name: str) -> None:
    assert flags(unit(name)["ExecStart"].split()) == embedded(name)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_nobody_special_and_cannot_leave_the_machine(path: Path) -> None:
    settings = unit(path.stem.removeprefix("consult-"))
    assert settings["User"] == "consult"
    assert settings["NoNewPrivileges"] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert settings["CapabilityBoundingSet"] == ""
    assert (settings["IPAddressDeny"], settings["IPAddressAllow"]) == ("any", "localhost")


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    for path in [*UNITS, DEPLOY / "systemd" / "consult.target"]:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)  # the interpreter in /opt is not on this machine
    names = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "consult" in line]
    assert (done.returncode, complaints) == (0, [])


def test_docker_compose_accepts_the_file() -> None:
    has_compose = (
        shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    )
    if not has_compose:
        pytest.skip("docker compose is not on this machine")
    environ = {**os.environ, "POSTGRES_PASSWORD": "x", "VALKEY_PASSWORD": "x"}
    command = [
        "docker",
        "compose",
        "--file",
        str(DEPLOY / "compose.yaml"),
        "--env-file",
        "/dev/null",
        "config",
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr


class Web(BaseHTTPRequestHandler):
    """Answers like a site that knows only its public name."""

    def do_GET(self) -> None:
        known = self.headers["Host"] == "consult.example.org" and self.path == "/health/live"
        self.send_response(200 if known else 400)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def test_the_healthcheck_asks_by_the_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PORT", str(server.server_port))
    monkeypatch.setenv("ALLOWED_HOSTS", "consult.example.org,www.example.org")
    assert healthcheck.main() == 0
    monkeypatch.setenv("ALLOWED_HOSTS", "elsewhere.example.org")
    assert healthcheck.main() == 1
    server.shutdown()
    server.server_close()
    assert healthcheck.main() == 1
