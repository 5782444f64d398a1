"""What the rules of stock cost: `make bench-inventory`.

Reserve and release per second, on one hot SKU and spread over many, with 1, 2 and 8 clients, beside the least
that could be written for it: a bare conditional UPDATE and an INSERT, and the two UPDATEs that undo them, in
two transactions likewise, on the same tables of the same database in the same run. Each client is a process
with a connection of its own. Exit 1 if a ratio is under the target.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import django
from django.core.management import call_command
from django.db import connection, transaction

from tests.chaos.report import machine
from tests.chaos.stack import database_of_its_own

TARGET_PERCENT = 40
CLIENTS = (1, 2, 8)
SHAPES = {"one hot SKU": 1, "spread over 200 SKUs": 200}
KINDS = ("bare", "ours")
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UNTIL = AT + timedelta(minutes=15)
NEVER_OUT = 1_000_000


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch of work: what, on how many SKUs, and between which instants of the monotonic clock."""

    kind: str
    skus: int
    begins: float
    ends: float


def main() -> int:
    """Measure everything, print a table and say by the exit code whether the target was met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.inventory", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each kind, taken in turns")
    options = parser.parse_args()
    with database_of_its_own(os.environ["DATABASE_URL"]) as url:
        os.environ["DATABASE_URL"] = url
        django.setup()
        call_command("migrate", verbosity=0)
        _stock(max(SHAPES.values()))
        print(f"machine: {machine()}, Python {platform.python_version()}, {_server()}")
        ratios = _table(options.seconds, options.rounds)
        print(f"rows at the end: {_rows()}")
        connection.close()
    worst = min(ratios)
    verdict = "met" if worst >= TARGET_PERCENT else "MISSED"
    print(f"lowest ratio {worst:.0f} %, target {TARGET_PERCENT} %: {verdict}")
    return 0 if worst >= TARGET_PERCENT else 1


def _table(seconds: float, rounds: int) -> list[float]:
    """Print a line for each shape and number of clients; return the ratios in percent."""
    ratios = []
    print(f"{'reserve + release a second':<28} {'clients':>7} {'bare':>9} {'ours':>9} {'ratio':>7}")
    with _Team(max(CLIENTS)) as team:
        for shape, skus in SHAPES.items():
            for clients in CLIENTS:
                bare, ours, ratio = team.compare(clients, skus, seconds, rounds)
                ratios.append(ratio)
                print(f"{shape:<28} {clients:>7} {bare:>9.0f} {ours:>9.0f} {ratio:>6.0f} %", flush=True)
    return ratios


class _Team:
    """Client processes that work when they are told to."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(size)]
        self.ours = [ours for ours, _ in pipes]
        self.processes = [
            context.Process(target=_client, args=(number, theirs), daemon=True)
            for number, (_, theirs) in enumerate(pipes)
        ]

    def __enter__(self) -> "_Team":
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

    def compare(self, clients: int, skus: int, seconds: float, rounds: int) -> tuple[float, float, float]:
        """Return the medians of bare and of our pairs a second, and of the ratios of neighbours in percent.

        The kinds take turns, so that both meet the same hour; a ratio is of two rounds side by side.
        """
        found = [
            [self._round(kind, clients, skus, seconds) / seconds for kind in KINDS] for _ in range(rounds)
        ]
        bare, ours = (statistics.median(rates) for rates in zip(*found, strict=True))
        ratios = [100 * mine / theirs for theirs, mine in found if theirs]
        return bare, ours, statistics.median(ratios)

    def _round(self, kind: str, clients: int, skus: int, seconds: float) -> int:
        begins = time.monotonic() + 0.1
        for pipe in self.ours[:clients]:
            pipe.send(Round(kind, skus, begins, begins + seconds))
        return sum(pipe.recv() for pipe in self.ours[:clients])


def _client(number: int, pipe: Connection) -> None:
    """Be one client until told to go: answer each round with the pairs that were finished in time."""
    django.setup()
    from catalog.models import StockLevel  # noqa: PLC0415 - records can be loaded only after setup

    variants = list(StockLevel.objects.order_by("pk").values_list("variant_id", flat=True))
    pairs = {"bare": _bare, "ours": _verbs()}
    pipe.send("ready")
    done = 0
    while (task := pipe.recv()) is not None:
        finished = 0
        time.sleep(max(0.0, task.begins - time.monotonic()))
        while time.monotonic() < task.ends:
            done += 1
            pairs[task.kind](f"bench:{number}:{done}", variants[(done * 7 + number) % task.skus])
            finished += time.monotonic() < task.ends
        pipe.send(finished)
    connection.close()


def _bare(reference: str, variant_id: int) -> None:
    """Take a unit and give it back with nothing but the statements that it takes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_stock_level SET reserved = reserved + 1 "
            "WHERE variant_id = %s AND on_hand >= reserved + 1",
            [variant_id],
        )
        assert cursor.rowcount == 1
        cursor.execute(
            "INSERT INTO catalog_stock_reservation "
            "(reference, variant_id, quantity, consumed, status, expires_at, created_at) "
            "VALUES (%s, %s, 1, 0, 'held', %s, %s)",
            [reference, variant_id, UNTIL, AT],
        )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_stock_level SET reserved = reserved - 1 WHERE variant_id = %s", [variant_id]
        )
        cursor.execute(
            "UPDATE catalog_stock_reservation SET status = 'released' WHERE reference = %s", [reference]
        )


def _verbs() -> Callable[[str, int], None]:
    from catalog import inventory  # noqa: PLC0415 - verbs can be loaded only after setup

    def pair(reference: str, variant_id: int) -> None:
        with transaction.atomic():
            inventory.reserve(reference=reference, quantities={variant_id: 1}, until=UNTIL, at=AT)
        inventory.release(reference, at=AT)

    return pair


def _stock(skus: int) -> None:
    from tests.factories.catalog import make_variant  # noqa: PLC0415 - records can be loaded only after setup

    for _ in range(skus):
        make_variant(stock=NEVER_OUT, prices={})


def _server() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT split_part(version(), ' on ', 1), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    return f"{version} (fsync {fsync})"


def _rows() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM catalog_stock_level), (SELECT count(*) FROM catalog_stock_reservation)"
        )
        levels, reservations = cursor.fetchone()
    return f"{levels:,} stock levels, {reservations:,} reservations"


if __name__ == "__main__":
    sys.exit(main())
