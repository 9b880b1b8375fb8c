"""Which processes make an installation, and how each is run."""

from __future__ import annotations

import sys
from pathlib import Path

from consult.supervise.process import Spec
from consult.supervise.site import ROOT, Site

FIRST_STAGE, WORKERS, DOORS = 0, 1, 2
FRAME_MAX_BYTES = 65536


def processes(site: Site, valkey: Path | None) -> list[Spec]:
    """The specs, first to start first. ``valkey`` is the server's binary, None where REDIS_URL names a server."""
    specs = [_valkey(site, valkey)] if valkey is not None else []
    return [*specs, _worker_llm(site), _worker(site), _beat(site), _web(site)]


def _spec(site: Site, name: str, argv: list[str], stage: int, grace_s: float) -> Spec:
    return Spec(name, argv, site.child_environ(name), ROOT, stage, grace_s)


def _valkey(site: Site, binary: Path) -> Spec:
    """No TCP port: only who may open the socket's folder gets in. The journal keeps the queue over a crash, and
    noeviction makes a full memory an error that is seen, never a task that vanishes."""
    options = {
        "--port": "0",
        "--unixsocket": str(site.valkey_socket),
        "--unixsocketperm": "700",
        "--dir": str(site.var / "valkey"),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory": site.environ.get("CONSULT_VALKEY_MEMORY") or "256mb",
        "--maxmemory-policy": "noeviction",
        "--daemonize": "no",
    }
    argv = [str(binary), *(part for option in options.items() for part in option)]
    return _spec(site, "valkey", argv, FIRST_STAGE, 10.0)


def _celery(site: Site, name: str, *arguments: str, stage: int, grace_s: float) -> Spec:
    argv = [sys.executable, "-m", "celery", "--app", "consult.celery_app", "--quiet", *arguments]
    return _spec(site, name, argv, stage, grace_s)


def _celery_worker(site: Site, name: str, queue: str, concurrency: str, grace_s: float) -> Spec:
    arguments = ["worker", "--queues", queue, "--pool", "threads", "--concurrency", concurrency]
    arguments += ["--hostname", f"{name}@%h", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    return _celery(site, name, *arguments, stage=WORKERS, grace_s=grace_s)


def _worker_llm(site: Site) -> Spec:
    return _celery_worker(site, "worker-llm", "llm", site.environ.get("CONSULT_WORKER_THREADS") or "8", 20.0)


def _worker(site: Site) -> Spec:
    return _celery_worker(site, "worker", "default", "2", 10.0)


def _beat(site: Site) -> Spec:
    schedule = str(site.run / "beat-schedule")
    return _celery(
        site, "beat", "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "INFO", stage=DOORS, grace_s=10.0
    )


def _web(site: Site) -> Spec:
    """Access lines are left out: addresses are personal data. Forwarded addresses are not believed on loopback."""
    argv = [
        sys.executable,
        "-m",
        "uvicorn",
        "consult.asgi:application",
        "--host",
        "127.0.0.1",
        "--port",
        str(site.port),
    ]
    argv += ["--ws-max-size", str(FRAME_MAX_BYTES), "--ws-per-message-deflate", "false", "--lifespan", "off"]
    argv += ["--no-access-log", "--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "4"]
    return _spec(site, "web", argv, DOORS, 6.0)
