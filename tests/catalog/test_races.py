"""Real threads on real connections: the last unit is sold once, and crossed carts do not deadlock."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from catalog import inventory
from catalog.models import StockLevel, StockReservation
from tests.factories.catalog import AT, make_variant

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

UNTIL = AT + timedelta(minutes=15)
BUYERS = 40


def all_at_once(number, work):
    """Run `work(n)` in threads that start together; return how often each outcome came."""
    start, outcomes = threading.Barrier(number), []

    def run(n):
        try:
            start.wait(timeout=10)
            outcomes.append(work(n))
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return Counter(outcomes)


def buy(reference, quantities):
    with transaction.atomic():
        inventory.reserve(reference=reference, quantities=quantities, until=UNTIL, at=AT)
    return "sold"


def test_ten_units_are_sold_ten_times_to_forty_buyers():
    variant = make_variant(stock=10)

    outcomes = all_at_once(BUYERS, lambda n: buy(f"order:{n}", {variant.pk: 1}))

    assert outcomes == {"sold": 10, "OutOfStock": 30}
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (10, 10)
    assert StockReservation.objects.count() == 10


def test_crossed_carts_neither_deadlock_nor_oversell():
    first, second = make_variant(stock=20), make_variant(stock=20)

    def cross(n):
        pair = (first, second) if n % 2 else (second, first)
        return buy(f"order:{n}", {variant.pk: 1 for variant in pair})

    outcomes = all_at_once(30, cross)

    assert outcomes == {"sold": 20, "OutOfStock": 10}
    assert list(StockLevel.objects.values_list("reserved", flat=True)) == [20, 20]


def test_a_hold_is_either_paid_or_swept_never_both():
    variant = make_variant(stock=10)
    for n in range(10):
        buy(f"order:{n}", {variant.pk: 1})

    def pay_or_sweep(n):
        if n % 2:
            return f"swept {inventory.release_expired(at=UNTIL)}"
        return f"paid {inventory.allocate(f'order:{n // 2}', at=UNTIL)}"

    all_at_once(20, pay_or_sweep)

    paid = StockReservation.objects.filter(status="allocated").count()
    assert StockLevel.objects.get(variant=variant).reserved == paid
    assert StockReservation.objects.filter(status="released").count() == 10 - paid
    assert inventory.differences() == []
