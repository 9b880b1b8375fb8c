"""Loaded by pytest before Django's settings: tests run in a folder of their own, never in a real ``var/``.

Settings that the person at the terminal has exported must not change what the tests say, so only DATABASE_URL
and the names below are kept.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWNER = "CONSULT_TEST_OWNER"  # the process that made the folder; workers of a parallel run share it
KEPT = ("CONSULT_TEST_",)


def prepare() -> None:
    """Point CONSULT_VAR at a fresh folder that shares only the converted weights; gone when the run ends."""
    if OWNER in os.environ:
        return
    for name in list(os.environ):
        if name.startswith("CONSULT_") and not name.startswith(KEPT):
            del os.environ[name]
    for name in ("REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG"):
        os.environ.pop(name, None)
    var = Path(tempfile.mkdtemp(prefix="consult-"))
    link_weights(var)
    os.environ[OWNER] = str(os.getpid())
    os.environ["CONSULT_VAR"] = str(var)
    atexit.register(_remove, var, os.getpid())
    from consult import catalogues  # only now: the settings are read from the folder above

    catalogues.compile_all()


def link_weights(var: Path) -> None:
    """Let an installation in ``var`` use the weights already converted here: conversion takes a while."""
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    (var / "models").symlink_to(models)


def _remove(var: Path, owner: int) -> None:
    if os.getpid() == owner:  # not from a forked child
        shutil.rmtree(var, ignore_errors=True)


prepare()
