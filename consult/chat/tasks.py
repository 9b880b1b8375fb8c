"""Celery's side: claim a reply and write it, sweep, show signs of life. Thin; the only place that obtains an engine."""

from __future__ import annotations

import logging
import threading
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import beat_init, worker_init, worker_shutdown, worker_shutting_down
from django.conf import settings

from consult.chat import dispatch, followup, heartbeat, intake, lease, reply, summary, sweeper
from consult.chat.models import Reply
from consult.library import summaries
from consult.library.ingest import line as ingestions
from consult.library.models import Summary
from llm.config import EngineConfig
from llm.types import Engine, EngineBusy, EngineDown, EngineError, RequestRefused

log = logging.getLogger(__name__)
_lock = threading.Lock()
_engine: Engine | None = None
_beating: threading.Event | None = None
_name = ""  # of this process, as Celery calls it
_summarising = threading.Lock()  # one at a time: the other threads are patients'
_reading = threading.Lock()  # one document at a time: the other threads keep the signs of life going


def engine() -> Engine:
    """This process's one engine, loaded at first use; EngineDown where it cannot be."""
    global _engine
    with _lock:
        if _engine is None:
            from llm.engine import open_engine  # torch comes with it: only ever here, in worker-llm

            _engine = open_engine(EngineConfig.from_env(settings.MODEL_ENV, settings.ROOT))
    return _engine


@shared_task(name="consult.chat.tasks.generate_reply", acks_late=True)
def generate_reply(pk: str) -> None:
    """Write the answer of that reply row, if it is still to be written."""
    claimed = lease.claim(UUID(pk), _name)
    if claimed is None:
        return
    try:
        reply.write(claimed, engine())
    except EngineBusy:
        lease.put_back_unharmed(claimed)
    except RequestRefused:
        lease.fail(claimed.pk, "request_refused")
    except EngineDown as error:
        log.warning("reply %s: attempt %d: %s", claimed.pk, claimed.attempt, error)  # the engine's own words
        lease.give_back(claimed, "engine_down")
    except Exception as error:
        log.error("reply %s: attempt %d failed: %s", claimed.pk, claimed.attempt, type(error).__name__, exc_info=True)
        lease.give_back(claimed, "internal")


@shared_task(name=summaries.TASK, acks_late=True)
def summarise(pk: str) -> None:
    """Write that clinician's summary, if it is still to be written and no patient waits for an answer."""
    if Reply.objects.filter(state=Reply.State.QUEUED).exists() or not _summarising.acquire(blocking=False):
        summaries.wait_for_patients(UUID(pk))
        return
    try:
        claimed = summaries.claim(UUID(pk), _name)
        if claimed is None:
            return
        _summarise(claimed)
    finally:
        _summarising.release()
    following = summaries.next_waiting()
    if following is not None and following != UUID(pk):
        summaries.send(following)


def _summarise(row: Summary) -> None:
    try:
        summary.write(row, engine())
    except EngineBusy:
        summaries.put_back_unharmed(row)
    except EngineDown as error:
        log.warning("summary %s: attempt %d: %s", row.pk, row.attempt, error)  # the engine's own words
        summaries.give_back(row, "engine_down")
    except Exception as error:
        log.error("summary %s: attempt %d failed: %s", row.pk, row.attempt, type(error).__name__, exc_info=True)
        summaries.give_back(row, "internal")


# The children have limits of their own; these are for a pool of processes.
@shared_task(name="consult.chat.tasks.read_document", acks_late=True, soft_time_limit=270, time_limit=290)
def read_document(pk: str) -> None:
    """Read that photo or PDF, if it is still to be read. Where one is being read already it stays in line."""
    if not _reading.acquire(blocking=False):
        return
    try:
        claimed = intake.claim(UUID(pk))
        if claimed is not None:
            intake.take_in(claimed)
    finally:
        _reading.release()
    following = intake.next_waiting()
    if following is not None:
        dispatch.send_document(following)


@shared_task(name="consult.chat.tasks.forget_documents")
def forget_documents() -> None:
    """Drop what patients brought and never sent."""
    intake.forget_unsent()


@shared_task(name="consult.chat.tasks.sweep")
def sweep() -> None:
    """Heal what was lost."""
    sweeper.sweep()


@shared_task(name="consult.chat.tasks.send_follow_up_mails")
def send_follow_up_mails() -> None:
    """Tell by mail those who chose it that a question waits for them."""
    followup.send_mails()


@shared_task(name="consult.chat.tasks.beat_heartbeat")
def beat_heartbeat() -> None:
    """Run by the timetable: its arrival is the sign that beat and the default queue work."""
    heartbeat.beat("beat", "beat", ready=True)
    heartbeat.forget_old()


@beat_init.connect
def first_sign_of_life(**kwargs: Any) -> None:
    """At once, so that a fresh site is not unready until the timetable comes round for the first time."""
    try:
        beat_heartbeat.apply_async(expires=20)
    except Exception as error:  # the broker is away: the timetable goes on trying
        log.warning("beat's first sign of life not sent: %s", type(error).__name__)


@worker_init.connect
def prepare(sender: Any = None, **kwargs: Any) -> None:
    """Before a worker takes work: load the engine where it is for answers, and start the signs of life."""
    global _beating, _name
    _name = str(getattr(sender, "hostname", "worker"))
    kind = "worker-llm" if _name.startswith("worker-llm") else "worker"
    if kind == "worker-llm":
        lease.take_back_from(_name)
        summaries.take_back_from(_name)
        _warm_up()
    _beating = heartbeat.start_thread(lambda: _sign_of_life(_name, kind))


def _warm_up() -> None:
    """A worker that cannot load its model stays up and says so; replies in line wait for a better one."""
    try:
        engine()
    except (EngineError, OSError, ValueError) as error:
        log.error("the model does not load: %s", error)


def _sign_of_life(name: str, kind: str) -> None:
    info: dict[str, Any] = {"memory_mib": heartbeat.memory_mib()}
    ready = True
    if kind == "worker-llm":
        ready = _engine is not None and _engine.ready()
        if _engine is not None:
            identity = _engine.identity()
            info |= {slot: getattr(identity, slot) for slot in identity.__slots__}
    heartbeat.beat(name, kind, ready=ready, info=info)
    lease.renew_all(name)
    summaries.renew_all(name)
    ingestions.renew_held()
    sweeper.sweep()


@worker_shutting_down.connect
def say_goodbye(**kwargs: Any) -> None:
    """Not ready from now on; what is running is finished."""
    if _beating is not None:
        _beating.set()


@worker_shutdown.connect
def close_engine(**kwargs: Any) -> None:
    """After the last answer: the engine's thread would otherwise keep the process from ending."""
    if _engine is not None:
        _engine.close()
