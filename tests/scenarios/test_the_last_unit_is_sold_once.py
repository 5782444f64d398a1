"""A hundred buyers for ten units, over real connections: ten orders, ninety clear refusals."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from catalog import inventory
from catalog.models import StockLevel, StockReservation
from orders import checkout, placement
from orders.models import Order
from tests.factories.catalog import make_variant
from tests.till import Till

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

BUYERS, UNITS, AT_ONCE = 100, 10, 20


def _all_at_once(work: Callable[[str], Any], tokens: list[str]) -> list[Any]:
    """Run `work` for every cart, twenty connections at a time, beginning together."""
    gate = threading.Barrier(AT_ONCE)
    begun = threading.Semaphore(AT_ONCE)

    def one(token: str) -> Any:
        if begun.acquire(blocking=False):
            gate.wait(timeout=30)
        try:
            return work(token)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(one, tokens))


def _check_out(token: str) -> Any:
    body = {"expected_total": 1590, "consents": {"terms": True}}
    return Client().post(
        f"/api/v1/carts/{token}/checkout", data=json.dumps(body), content_type="application/json"
    )


def test_ten_of_a_hundred_buyers_get_the_ten_units(till: Till) -> None:
    variant = make_variant(sku="FLK", stock=UNITS, prices={"GBP": 1195})
    tokens = [till.cart(("FLK", 1)) for _ in range(BUYERS)]

    answers = _all_at_once(_check_out, tokens)

    assert Counter(answer.status_code for answer in answers) == {201: UNITS, 409: BUYERS - UNITS}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["code"] for refusal in refusals} == {"out_of_stock"}
    assert {refusal["sku"] for refusal in refusals} == {"FLK"}
    assert Order.objects.count() == UNITS
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (UNITS, UNITS)


def test_control_without_the_guard_the_same_race_oversells(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is off here: looking first and writing afterwards sells what is not there."""
    variant = make_variant(sku="FLK", stock=UNITS, prices={"GBP": 1195})
    tokens = [till.cart(("FLK", 1)) for _ in range(AT_ONCE)]
    looked = threading.Barrier(AT_ONCE)

    def look_then_write(*, reference: str, quantities: dict[int, int], until: Any, at: Any) -> None:
        left = inventory.availability(quantities)
        looked.wait(timeout=30)
        for variant_id, wanted in quantities.items():
            if left[variant_id] < wanted:
                raise inventory.OutOfStock(sku="FLK", available=left[variant_id])
            StockReservation.objects.create(
                reference=reference, variant_id=variant_id, quantity=wanted, expires_at=until, created_at=at
            )

    monkeypatch.setattr(placement.inventory, "reserve", look_then_write)
    monkeypatch.setattr(checkout.payments, "open_intent", lambda order, **_: _NoIntent())

    answers = _all_at_once(_check_out, tokens)

    sold = sum(answer.status_code == 201 for answer in answers)
    assert sold == AT_ONCE > UNITS, "without the guard everybody is told yes"
    assert StockLevel.objects.get(variant=variant).on_hand == UNITS


class _NoIntent:
    """Stands where an intent would: this race is about stock."""

    client_secret = "pi_none_secret_none"
