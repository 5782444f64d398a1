"""Processes that plan and claim side by side, as Celery's workers do, each with a connection of its own."""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

import django
from django.db import connection

# Clock ticks a second in /proc/PID/stat. Source: proc(5), sysconf(_SC_CLK_TCK).
_TICKS = 100
CLAIMED_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Job:
    """What to do at a moment of the shop's clock, with at most so many cycles."""

    verb: str
    at: datetime
    limit: int


@dataclass(frozen=True, slots=True)
class Done:
    """How many refills, from when to when, and seconds of processor: ours and the server's (if it can be seen)."""

    refills: int
    began: float
    ended: float
    our_cpu: float
    server_cpu: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def rate(self) -> float:
        """Refills a second."""
        return self.refills / self.seconds if self.refills else 0.0

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor a refill, ours and the server's."""
        return 1000 * (self.our_cpu + self.server_cpu) / self.refills if self.refills else 0.0


def together(parts: Sequence[Done]) -> Done:
    """Add up what was done side by side."""
    return Done(
        sum(part.refills for part in parts),
        min(part.began for part in parts),
        max(part.ended for part in parts),
        sum(part.our_cpu for part in parts),
        sum(part.server_cpu for part in parts),
    )


def do(job: Job) -> Done:
    """Do a job in this process until nothing is left."""
    from orders.subscriptions import billing, planning  # noqa: PLC0415 - verbs can be loaded only after setup

    server = _server_cpu()
    began, cpu, refills = time.perf_counter(), time.process_time(), 0
    if job.verb == "plan":
        refills = planning.plan(at=job.at, limit=job.limit)
    else:
        while got := billing.claim(at=job.at, limit=CLAIMED_AT_ONCE):
            refills += len(got)
    ended, spent = time.perf_counter(), time.process_time() - cpu
    return Done(refills, began, ended, spent, _server_cpu() - server)


class Crew:
    """Worker processes that do a job when they are told to, and together."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(size)]
        self.ours = [ours for ours, _ in pipes]
        self.processes = [context.Process(target=_worker, args=(theirs,)) for _, theirs in pipes]

    def __enter__(self) -> "Crew":
        for process in self.processes:
            process.start()
        for pipe in self.ours:
            pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self.ours:
            pipe.send(None)
        for process in self.processes:
            process.join(timeout=10)

    def do(self, job: Job, *, workers: int) -> Done:
        """Let so many workers do a job side by side."""
        for pipe in self.ours[:workers]:
            pipe.send(job)
        return together([pipe.recv() for pipe in self.ours[:workers]])


def _worker(pipe: Connection) -> None:
    django.setup()
    connection.ensure_connection()
    # Whatever is loaded at its first use is loaded before the clock runs.
    do(Job("plan", datetime.fromisoformat("2020-01-01T00:00:00+00:00"), 1))
    pipe.send("ready")
    while (job := pipe.recv()) is not None:
        pipe.send(do(job))
    connection.close()


def _server_cpu() -> float:
    """Return the seconds of processor that our connection's server process has had; 0 if it is elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not stat.exists() or "(postgres" not in (words := stat.read_text()):
        return 0.0
    user, system = words.rsplit(") ", 1)[1].split()[11:13]
    return (int(user) + int(system)) / _TICKS
