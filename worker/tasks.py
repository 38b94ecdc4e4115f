"""The one Celery task: take a job, do it, end it."""

import logging
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import threadpoolctl
import torch
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from sqlalchemy.exc import SQLAlchemyError

from kinscape.backend.contracts.cell_arrays import Cells
from kinscape.backend.contracts.cells import Reason, Why
from kinscape.backend.contracts.jobs import (
    AddBuiltin,
    Derive,
    Fingerprint,
    Forward,
    InspectCheckpoint,
    InspectProbe,
    Job,
    JobState,
    ModelJob,
    Summarise,
    Tile,
    Verify,
)
from kinscape.backend.contracts.problems import Problem
from kinscape.backend.queue import TASK, CeleryQueue, celery_app
from kinscape.backend.settings import WorkerSettings, read_settings
from kinscape.backend.store import cards, jobs, matrices
from kinscape.backend.store.database import Database, queue_after_commit
from kinscape.backend.store.files import Files, is_full
from kinscape.backend.store.jobs import Claim
from kinscape.worker.engine.asked import missing_places
from kinscape.worker.engine.derivation import derive
from kinscape.worker.engine.inspection import fingerprint, inspect_checkpoint, inspect_probe, refuse
from kinscape.worker.engine.leases import Abandoned, leased
from kinscape.worker.engine.materials import Materials
from kinscape.worker.engine.models import run_model
from kinscape.worker.engine.orders import order_matrices
from kinscape.worker.engine.passes import run_forward
from kinscape.worker.engine.summaries import summarise
from kinscape.worker.engine.tiles import run_tile
from kinscape.worker.engine.verification import give_up, verify
from kinscape.worker.loading import own_networks, registry
from kinscape.worker.measures.catalogue import catalogue

# Well below the silence after which a worker counts as gone (backend/store/cards.py).
SEEN_EVERY_S = 15
# A job that was told that its time is over may store what it has.
GRACE_S = 30
log = logging.getLogger("kinscape.worker")


@dataclass(frozen=True)
class WorkerParts:
    """The opened parts of one worker process."""

    name: str
    database: Database
    files: Files
    materials: Materials


@cache
def settings() -> WorkerSettings:
    """The settings of this worker, read once."""
    return read_settings(WorkerSettings)


@cache
def parts() -> WorkerParts:
    """The parts of this process; opened after the fork, never shared with another process."""
    own = settings()
    queue = CeleryQueue(own.broker_url)
    files = Files(own.files)
    device = torch.device(own.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return WorkerParts(
        name=f"{socket.gethostname()}:{os.getpid()}",
        database=Database(own.database_url, wake=queue.wake, pool_size=2),
        files=files,
        materials=Materials(files, device=device, cache_bytes=own.cache_bytes),
    )


app: Celery = celery_app(settings().broker_url)
try:
    # Before the first process is forked: all have the same networks.
    registry.offer(own_networks.from_packages())
    registry.offer(own_networks.from_files([Path(p) for p in settings().networks.split(os.pathsep) if p]))
except own_networks.CannotLoad as problem:
    raise SystemExit(str(problem)) from problem
# A job that does not notice the end of its time is killed with its process, and tried again as one whose worker died.
app.conf.update(task_soft_time_limit=settings().time_limit_s, task_time_limit=settings().time_limit_s + GRACE_S)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _start(**_: object) -> None:
    """Publish the cards and report for work."""
    logging.getLogger("kinscape").setLevel("INFO")
    logging.basicConfig(level="WARNING", force=True, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    if settings().threads:
        torch.set_num_threads(settings().threads)
        # numpy and scipy bring a library of their own for products of matrices.
        threadpoolctl.threadpool_limits(settings().threads)
    with parts().database.transaction() as session:
        cards.publish(session, [m.card for m in catalogue().values()], registry.cards())
    threading.Thread(target=_report, name="report", daemon=True).start()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _stop(**_: object) -> None:
    with parts().database.transaction() as session:
        cards.worker_gone(session, parts().name)
        jobs.release_from(session, parts().name)


def _report() -> None:
    while True:
        try:
            with parts().database.transaction() as session:
                cards.worker_seen(session, parts().name, device=str(parts().materials.device))
        except SQLAlchemyError as error:
            log.warning("report.failed error=%s", type(error).__name__)
        time.sleep(SEEN_EVERY_S)


def _extended(claim: Claim) -> bool:
    """Keep the lease of a job; False when it is no longer ours."""
    with parts().database.transaction() as session:
        return jobs.extend(session, claim.id, attempt=claim.attempt)


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def run(id: int) -> None:
    """Do one job, unless it is somebody else's or over. May run twice without harm."""
    if not parts().files.has_room_for_work():
        # It stays queued; whoever looks for jobs that wait too long wakes a worker for it again.
        log.warning("job.waits job=%d why=no room", id)
        return
    with parts().database.transaction() as session:
        claim = jobs.claim(session, id, worker=parts().name)
    if claim is None:
        return
    started = time.monotonic()
    try:
        with leased(lambda: _extended(claim)) as lost:
            _do(claim.job, lost)
    except Abandoned:
        log.info("job.abandoned job=%d kind=%s", claim.id, claim.job.kind)
        return
    except Problem as problem:
        _fail(claim, problem.detail)
        return
    except SoftTimeLimitExceeded:
        # What is known already is not computed again: only a single number that is too slow fails.
        if not _split(claim):
            limit = f"{settings().time_limit_s:,} seconds"
            _fail(claim, f"This number took longer than {limit}; ask for fewer samples, probes or steps.")
        return
    except Exception as error:  # noqa: BLE001  (the edge of a task)
        if is_full(error):
            with parts().database.transaction() as session:
                jobs.postpone(session, claim.id)
            return
        _try_again(claim, error)
        return
    seconds = time.monotonic() - started
    with parts().database.transaction() as session:
        jobs.finish(session, claim.id, state=JobState.DONE, seconds=seconds)
    log.info("job.done job=%d kind=%s seconds=%.2f", claim.id, claim.job.kind, seconds)


def _do(job: Job, lost: threading.Event) -> None:
    own = parts()

    def check() -> None:
        if lost.is_set():
            raise Abandoned

    match job:
        case InspectCheckpoint():
            inspect_checkpoint(own.database, own.files, job)
        case InspectProbe() | AddBuiltin():
            inspect_probe(own.database, own.files, job)
        case Derive():
            derive(own.database, own.files, job)
        case Fingerprint():
            fingerprint(own.database, own.files, job)
        case Verify():
            verify(own.database, own.materials, job)
        case Forward():
            run_forward(own.database, own.materials, job)
        case ModelJob():
            run_model(own.database, own.materials, job, check)
        case Tile():
            run_tile(own.database, own.materials, job, check)
        case Summarise():
            order_matrices(own.database, job.comparison)
            summarise(own.database, job.comparison)


def _split(claim: Claim) -> bool:
    """Put the pieces of a job in its place; False where there is only one."""
    pieces = claim.job.pieces()
    if len(pieces) > 1:
        with parts().database.transaction() as session:
            jobs.replace(session, claim.id, pieces)
    return len(pieces) > 1


def _fail(claim: Claim, sentence: str) -> None:
    """End a job for good: the cells it was to fill say why they are empty."""
    job = claim.job
    with parts().database.transaction() as session:
        for question, a, b in missing_places(session, job):
            reason = Reason(why=Why.FAILED, sentence=sentence)
            places = zip(a.tolist(), b.tolist(), strict=True)
            matrices.write(session, question, Cells.of(dict.fromkeys(places, reason)))
        if isinstance(job, InspectCheckpoint | InspectProbe | AddBuiltin | Derive):
            refuse(session, job, sentence)
        if isinstance(job, Verify):
            give_up(session, job, sentence)
        jobs.finish(session, claim.id, state=JobState.FAILED, error=sentence)
    log.error("job.failed job=%d kind=%s why=%s", claim.id, job.kind, sentence)


def _try_again(claim: Claim, error: Exception) -> None:
    """A bug or a broken part: once more, and after the third time an end with a reference."""
    reference = secrets.token_hex(4)
    where = (claim.id, claim.job.kind, claim.attempt, reference)
    log.error("job.broke job=%d kind=%s attempt=%d reference=%s", *where, exc_info=error)
    if not _split(claim):
        if claim.attempt >= jobs.MOST_ATTEMPTS:
            _fail(claim, f"Something broke on our side three times; quote reference {reference}.")
            return
        with parts().database.transaction() as session:
            jobs.give_back(session, claim.id)
            queue_after_commit(session, claim.id, claim.job.kind)
    _leave_a_broken_device(error)


def _leave_a_broken_device(error: Exception) -> None:
    """The context of a device is lost with such an error; only a new process gets a new one."""
    if isinstance(error, torch.AcceleratorError):
        os._exit(1)
