"""Races for the last unit, on real connections: sold once, never twice, never left lying.

`make test` runs a few; `make race-stock RUNS=2000` as many as are asked for, and prints what came of them.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F

from catalog import inventory
from catalog.models import StockLevel, StockReservation, Variant
from tests.factories.catalog import AT, VariantFactory, make_bundle

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

RACES = int(os.environ.get("STOCK_RACES", "48"))
BUYERS = 6
AT_ONCE_S = 60
UNTIL = AT + timedelta(minutes=15)
CHECK = "catalog_stock_level_reserved_within_on_hand"

# What buyer b wants in a race: units by variant.
Demand = Callable[[int], dict[int, int]]


class Field:
    """Buyers on connections of their own, who start each race together."""

    def __init__(self, races: list[Demand], buy: Callable[[str, dict[int, int]], str]) -> None:
        self.races, self.buy = races, buy
        self.start = threading.Barrier(BUYERS)
        self.outcomes: list[Counter[str]] = [Counter() for _ in races]
        self.write = threading.Lock()

    def run(self) -> list[Counter[str]]:
        threads = [threading.Thread(target=self._buyer, args=(number,)) for number in range(BUYERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.outcomes

    def _buyer(self, number: int) -> None:
        try:
            for race, demand in enumerate(self.races):
                self.start.wait(timeout=AT_ONCE_S)
                outcome = self._try(f"race:{race}:{number}", demand(number))
                with self.write:
                    self.outcomes[race][outcome] += 1
        finally:
            connection.close()

    def _try(self, reference: str, quantities: dict[int, int]) -> str:
        try:
            return self.buy(reference, quantities)
        except Exception as error:
            return type(error).__name__


def buy(reference: str, quantities: dict[int, int]) -> str:
    with transaction.atomic():
        inventory.reserve(reference=reference, quantities=quantities, until=UNTIL, at=AT)
    return "sold"


def one_unit() -> Variant:
    variant = VariantFactory.create(is_lot_tracked=False)
    inventory.receive_count(variant, 1, cause=f"race:{variant.sku}", at=AT)
    return variant


def plain() -> Demand:
    """Everybody wants the same unit."""
    variant = one_unit()
    return lambda buyer: {variant.pk: 1}


def behind_an_expired_hold() -> Demand:
    """The unit is still held by somebody whose time is over, and no sweeper has run."""
    variant = one_unit()
    with transaction.atomic():
        inventory.reserve(reference=f"late:{variant.sku}", quantities={variant.pk: 1}, until=AT, at=AT)
    return lambda buyer: {variant.pk: 1}


def crossed() -> Demand:
    """Half of them want A then B, the other half B then A."""
    first, second = one_unit().pk, one_unit().pk
    return lambda buyer: {first: 1, second: 1} if buyer % 2 else {second: 1, first: 1}


def bundled() -> Demand:
    """Half of them want the set, the other half its parts, the other way round."""
    parts = [one_unit(), one_unit()]
    bundle = make_bundle([(parts[1], 1), (parts[0], 1)])
    as_set = inventory.demand_of([(bundle, 1)])
    return lambda buyer: as_set if buyer % 2 else {part.pk: 1 for part in parts}


KINDS = (plain, behind_an_expired_hold, crossed, bundled)


def test_the_last_unit_is_sold_once_however_the_buyers_come_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    races = [KINDS[n % len(KINDS)]() for n in range(RACES)]

    outcomes = Field(races, buy).run()

    total = sum(outcomes, Counter())
    oversold = sum(outcome["sold"] > 1 for outcome in outcomes)
    unsold = StockLevel.objects.exclude(reserved=F("on_hand")).count()
    with capsys.disabled():
        print(
            f"\n{RACES} last units, {BUYERS} buyers each: {dict(total)}, oversold {oversold}, unsold {unsold}"
        )
    assert outcomes == [Counter(sold=1, OutOfStock=BUYERS - 1)] * RACES
    assert (oversold, unsold) == (0, 0)
    assert inventory.differences() == []


@pytest.fixture
def without_the_check() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE catalog_stock_level DROP CONSTRAINT {CHECK}")
    yield
    StockLevel.objects.update(reserved=0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE catalog_stock_level ADD CONSTRAINT {CHECK} CHECK (reserved >= 0 AND reserved <= on_hand)"
        )


@pytest.mark.usefixtures("without_the_check")
def test_control_without_the_guard_the_same_buyers_oversell() -> None:
    """Look, then write: all have looked before the first one writes."""
    looked = threading.Barrier(BUYERS)

    def look_then_write(reference: str, quantities: dict[int, int]) -> str:
        (variant_id,) = quantities
        left = inventory.availability(quantities)[variant_id]
        looked.wait(timeout=AT_ONCE_S)
        if left < 1:
            return "OutOfStock"
        StockLevel.objects.filter(variant_id=variant_id).update(reserved=F("reserved") + 1)
        StockReservation.objects.create(
            reference=reference, variant_id=variant_id, quantity=1, expires_at=UNTIL, created_at=AT
        )
        return "sold"

    outcomes = Field([plain() for _ in range(5)], look_then_write).run()

    assert outcomes == [Counter(sold=BUYERS)] * 5


def test_control_crossed_carts_that_lock_as_they_come_deadlock() -> None:
    """Each buyer locks the first thing in the cart, and only when all have, the second."""
    locked = threading.Barrier(2)

    def lock_in_cart_order(reference: str, quantities: dict[int, int]) -> str:
        if reference.endswith((":0", ":1")):
            with transaction.atomic():
                first, second = quantities
                StockLevel.objects.select_for_update().get(variant_id=first)
                locked.wait(timeout=AT_ONCE_S)
                StockLevel.objects.select_for_update().get(variant_id=second)
            return "sold"
        return "watched"

    outcomes = Field([crossed()], lock_in_cart_order).run()

    assert outcomes == [Counter(sold=1, OperationalError=1, watched=BUYERS - 2)]
