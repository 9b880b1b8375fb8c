"""Makes an installation ready to start: translations, weights, database, demo, library index, static files.

Run by the supervisor before anything else, as its own process: ``python -m consult.prepare``. Every step is
idempotent, and quick where there is nothing to do. Failures end with one sentence on stderr and exit status 1.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from consult import catalogues
from consult.supervise.checks import weights_present
from consult.supervise.site import ROOT, Problem, Site


def main() -> int:
    """Run every step in order; 0 where all went well."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consult.settings")
    try:
        site = Site.from_environ()
        for title, step in _steps():
            began = time.monotonic()
            print(f"  {title}", end="", flush=True)
            step(site)
            seconds = time.monotonic() - began
            print(f" ({seconds:.0f} s)" if seconds >= 1 else "", flush=True)
    except Problem as problem:
        return _stop(str(problem))
    except Exception as error:  # the last door: a person gets a sentence, the log gets the rest
        _keep(traceback.format_exc())
        return _stop(_sentence(error))
    return 0


def _stop(sentence: str) -> int:
    print(flush=True)  # the step's own line has no end yet
    print(sentence, file=sys.stderr)
    return 1


def _steps() -> list[tuple[str, Callable[[Site], None]]]:
    return [
        ("translations", _translations),
        ("model weights", _weights),
        ("database", _database),
        ("demonstration data", _demo),
        ("health library", _library),
        ("static files", _static_files),
    ]


def _translations(_site: Site) -> None:
    catalogues.compile_all()


def _weights(site: Site) -> None:
    """Convert the packaged weights in a process of its own, so that the memory it takes is given back."""
    if site.uses_packaged_model and not site.weights.is_file():
        folder = site.weights.parent
        shutil.rmtree(folder, ignore_errors=True)  # a folder without its weights would count as converted
        command = [sys.executable, "-m", "llm", "convert", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            _keep(done.stderr)
            raise Problem(f"The packaged model could not be converted ({_reason(done.stderr)}): see make doctor.")
    weights_present(site)


def _reason(stderr: str) -> str:
    """The message of the exception at the end of a traceback, without its class."""
    last = (stderr.strip().splitlines() or ["no reason given"])[-1]
    return re.sub(r"^[\w.]+(Error|Exception): ", "", last)


def _command(name: str, *arguments: str) -> None:
    from django.core.management import call_command

    call_command(name, *arguments, verbosity=0, stdout=io.StringIO())


def _database(_site: Site) -> None:
    import django

    django.setup()
    _command("migrate", "--no-input")
    _command("createcachetable")
    _forget_signs_of_life()


def _forget_signs_of_life() -> None:
    """What ran before has ended, or says so again within seconds: a start must not be called ready by old signs."""
    from consult.chat.models import Heartbeat

    Heartbeat.objects.all().delete()


def _demo(_site: Site) -> None:
    from django.conf import settings

    if settings.DEMO:
        _command("seed_demo")


def _library(_site: Site) -> None:
    _command("build_index")


def _static_files(site: Site) -> None:
    """Collecting hashes and compresses every file, which takes seconds: only done when a source changed."""
    stamp = site.var / "static" / ".sources"
    sources = _fingerprint_of_static_sources()
    if stamp.exists() and stamp.read_text() == sources:
        return
    # The unused htmx extensions name modules, in comments, that are not there: hashing their names fails.
    _command("collectstatic", "--no-input", "--clear", "--ignore", "django_htmx/ext/*")
    stamp.write_text(sources)


def _fingerprint_of_static_sources() -> str:
    """Changes when a static file of ours or of an installed package is added, removed or changed."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            about = os.stat(storage.path(path))
            digest.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sentence(error: Exception) -> str:
    """What went wrong, for a person. The traceback is in the log."""
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError
    from django.db import DatabaseError

    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "disk is full" in str(error):
        return "The disk is full: free some space, or set CONSULT_VAR to a folder on another disk."
    if isinstance(error, CommandError | ImproperlyConfigured):
        return str(error)
    if isinstance(error, DatabaseError):
        return (
            "The database cannot be used: check DATABASE_URL and that its server runs; var/log/prepare.log says more."
        )
    return f"Preparing failed ({type(error).__name__}): var/log/prepare.log says more."


def _keep(text: str) -> None:
    log = Path(os.environ.get("CONSULT_VAR") or ROOT / "var") / "log" / "prepare.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    except OSError:
        print(text, file=sys.stderr)  # nowhere to keep it: better shown than lost


if __name__ == "__main__":
    sys.exit(main())
