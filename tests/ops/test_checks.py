"""What stops a start, each in one clear sentence with a way out."""

from __future__ import annotations

import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from consult.supervise import checks
from consult.supervise.site import Problem, Site


def test_another_program_on_our_port_is_named_with_a_way_out(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", site.port))
        other.listen()
        with pytest.raises(Problem, match=f"Port {site.port} is in use .* PORT={site.port + 1} make run"):
            checks.port_free(site)
    checks.port_free(site)


def test_a_second_supervisor_on_the_same_folder_is_refused_and_told_the_first(site: Site) -> None:
    with (
        checks.only_supervisor(site),
        pytest.raises(Problem, match=r"already runs on .*process \d+"),
        checks.only_supervisor(site),
    ):
        pass
    with checks.only_supervisor(site):
        pass


def test_a_folder_that_is_a_file_is_reported_as_not_writable(var: Path) -> None:
    (var / "taken").write_text("")
    with pytest.raises(Problem, match="cannot be written .*CONSULT_VAR"):
        checks.var_writable(Site(var / "taken", 8000, {}))


def test_a_full_disk_is_reported_before_anything_starts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 5 * 1024**2, 5 * 1024**2))
    with pytest.raises(Problem, match="only 5 MiB free"):
        checks.disk_space(site)


def test_a_disk_that_fills_up_while_probing_is_reported_as_such(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Problem, match="no space left on device"):
        checks.var_writable(site)


def test_a_path_too_long_for_sockets_is_refused() -> None:
    with pytest.raises(Problem, match="too long for sockets"):
        checks.socket_paths_fit(Site(Path("/" + "x" * 100), 8000, {}))


def test_a_missing_weight_file_is_named(site: Site) -> None:
    with pytest.raises(Problem, match=r"weight file .*model\.safetensors is missing"):
        checks.weights_present(site)


def test_another_model_needs_no_packaged_weights(var: Path) -> None:
    checks.weights_present(Site(var, 8000, {"CONSULT_MODEL": "/models/ours"}))


def test_the_wrong_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 1, "final", 0))
    with pytest.raises(Problem, match=r"needs Python 3\.11"):
        checks.python_version()


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "８０００"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(Problem, match="not a port number"):
        Site.from_environ({"PORT": port})


def test_the_packaged_valkey_runs_here() -> None:
    assert checks.valkey_binary().name == "valkey-server"


def test_children_are_told_their_places_and_never_ask_a_hub(site: Site) -> None:
    environ = site.child_environ("web")
    assert environ["CONSULT_VAR"] == str(site.var)
    assert environ["HF_HUB_OFFLINE"] == "1"
    assert environ["REDIS_URL"] == f"unix://{site.var}/run/valkey.sock"


def test_a_named_redis_server_is_kept_and_no_valkey_is_started(var: Path) -> None:
    site = Site(var, 8000, {"REDIS_URL": "redis://queue.clinic:6379/0"})
    assert not site.has_own_valkey
    assert site.child_environ("web")["REDIS_URL"] == "redis://queue.clinic:6379/0"
