"""Holds, allocations and releases."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from catalog import inventory
from catalog.models import StockLevel, StockMovement, StockReservation
from tests.factories.catalog import AT, make_bundle, make_variant

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(minutes=15)
Status = StockReservation.Status


def hold(reference, quantities, *, until=LATER, at=AT):
    inventory.reserve(reference=reference, quantities=quantities, until=until, at=at)


def counts(variant):
    level = StockLevel.objects.get(variant=variant)
    return level.on_hand, level.reserved


def test_a_hold_lowers_what_is_available_and_moves_no_stock():
    variant = make_variant(stock=10)
    moved = StockMovement.objects.count()

    hold("order:A", {variant.pk: 3})

    assert counts(variant) == (10, 3)
    assert inventory.availability([variant.pk]) == {variant.pk: 7}
    assert inventory.is_reserved("order:A")
    assert StockMovement.objects.count() == moved


def test_the_last_unit_is_held_once():
    variant = make_variant(stock=1)
    hold("order:A", {variant.pk: 1})

    with pytest.raises(inventory.OutOfStock) as refusal:
        hold("order:B", {variant.pk: 1})

    assert refusal.value.problem_code == "out_of_stock"
    assert refusal.value.extra["sku"] == variant.sku
    assert refusal.value.extra["available"] == 0
    assert counts(variant) == (1, 1)
    assert not inventory.is_reserved("order:B")


def test_a_refusal_names_every_short_sku_holds_nothing_and_leaves_the_transaction_usable():
    plenty, few, none = make_variant(stock=10), make_variant(stock=2), make_variant(stock=0)

    with pytest.raises(inventory.OutOfStock) as refusal:
        hold("order:A", {plenty.pk: 1, few.pk: 3, none.pk: 1})

    assert refusal.value.extra["short"] == [
        {"sku": few.sku, "requested": 3, "available": 2},
        {"sku": none.sku, "requested": 1, "available": 0},
    ]
    assert set(refusal.value.fields) == {few.sku, none.sku}
    assert counts(plenty) == (10, 0)
    assert StockReservation.objects.count() == 0


def test_reserving_again_renews_and_adjusts_instead_of_doubling():
    variant, dropped = make_variant(stock=10), make_variant(stock=10)
    hold("order:A", {variant.pk: 3, dropped.pk: 2})

    hold("order:A", {variant.pk: 5}, until=LATER + timedelta(hours=1))

    assert counts(variant) == (10, 5)
    assert counts(dropped) == (10, 0)
    row = StockReservation.objects.get()
    assert (row.quantity, row.expires_at) == (5, LATER + timedelta(hours=1))
    assert inventory.allocate("order:A", at=AT)


def test_an_expired_hold_never_blocks_a_buyer():
    variant = make_variant(stock=2)
    hold("order:gone", {variant.pk: 2})

    hold("order:B", {variant.pk: 2}, until=LATER + timedelta(hours=1), at=LATER)

    assert counts(variant) == (2, 2)
    assert not inventory.is_reserved("order:gone")
    assert inventory.is_reserved("order:B")


def test_a_hold_that_is_not_expired_is_left_alone():
    variant = make_variant(stock=2)
    hold("order:A", {variant.pk: 2})

    with pytest.raises(inventory.OutOfStock):
        hold("order:B", {variant.pk: 1}, at=LATER - timedelta(seconds=1))

    assert inventory.is_reserved("order:A")


def test_paying_allocates_once_and_is_safe_to_repeat():
    variant = make_variant(stock=5)
    hold("order:A", {variant.pk: 2})

    assert inventory.allocate("order:A", at=AT)
    assert inventory.allocate("order:A", at=AT)

    assert counts(variant) == (5, 2)
    row = StockReservation.objects.get()
    assert (row.status, row.expires_at) == (Status.ALLOCATED, None)


def test_an_expired_hold_that_nobody_took_is_still_allocated():
    variant = make_variant(stock=5)
    hold("order:A", {variant.pk: 2})

    assert inventory.allocate("order:A", at=LATER + timedelta(days=1))


def test_a_hold_that_is_partly_lost_is_not_allocated_until_reserved_anew():
    kept, lost = make_variant(stock=2), make_variant(stock=2)
    hold("order:A", {kept.pk: 1, lost.pk: 2})
    hold("order:B", {lost.pk: 1}, until=LATER + timedelta(hours=1), at=LATER)

    assert not inventory.allocate("order:A", at=LATER)
    assert not inventory.renew_hold("order:A", until=LATER + timedelta(hours=1))
    assert counts(kept) == (2, 1)

    inventory.release("order:B", at=LATER)
    hold("order:A", {kept.pk: 1, lost.pk: 2}, until=LATER + timedelta(hours=1), at=LATER)
    assert inventory.allocate("order:A", at=LATER)
    assert (counts(kept), counts(lost)) == ((2, 1), (2, 2))


def test_allocating_what_was_never_held_says_no():
    assert not inventory.allocate("order:nobody", at=AT)
    assert not inventory.renew_hold("order:nobody", until=LATER)


def test_renewing_extends_the_hold():
    variant = make_variant(stock=5)
    hold("order:A", {variant.pk: 2})

    assert inventory.renew_hold("order:A", until=LATER + timedelta(minutes=30))

    assert inventory.release_expired(at=LATER + timedelta(minutes=29)) == 0
    assert inventory.is_reserved("order:A")


def test_releasing_gives_back_once():
    variant = make_variant(stock=5)
    hold("order:A", {variant.pk: 2})
    inventory.allocate("order:A", at=AT)

    inventory.release("order:A", at=AT)
    inventory.release("order:A", at=AT)

    assert counts(variant) == (5, 0)
    assert StockReservation.objects.get().status == Status.RELEASED


def test_the_sweeper_releases_expired_holds_only_and_no_more_than_its_limit():
    variant = make_variant(stock=10)
    for number in range(3):
        hold(f"order:{number}", {variant.pk: 1})
    hold("order:late", {variant.pk: 1}, until=LATER + timedelta(hours=1))
    hold("order:paid", {variant.pk: 1})
    inventory.allocate("order:paid", at=AT)

    assert inventory.release_expired(at=LATER, limit=2) == 2
    assert inventory.release_expired(at=LATER) == 1
    assert inventory.release_expired(at=LATER) == 0

    assert counts(variant) == (10, 2)


def test_a_bundle_and_its_component_in_one_cart_are_summed():
    flakes, oil = make_variant(stock=5), make_variant(stock=1)
    bundle = make_bundle([(flakes, 2), (oil, 1)])

    assert inventory.demand_of([(bundle, 2), (flakes, 1)]) == {flakes.pk: 5, oil.pk: 2}
    assert inventory.available_for([bundle, flakes]) == {bundle.pk: 1, flakes.pk: 5}


def test_a_refill_of_a_bundle_needs_only_its_consumables():
    flakes, scoop = make_variant(stock=5), make_variant(stock=5, is_lot_tracked=False)
    bundle = make_bundle([(flakes, 1), (scoop, 1)])
    bundle.components.filter(variant=scoop).update(in_refill=False)

    assert inventory.demand_of([(bundle, 3)], refill=True) == {flakes.pk: 3}


def test_reserving_takes_four_statements_whatever_the_number_of_skus(
    django_assert_max_num_queries,
):
    variants = [make_variant(stock=5) for _ in range(8)]

    with django_assert_max_num_queries(4):
        hold("order:A", {variant.pk: 1 for variant in variants})


def test_the_database_refuses_more_reserved_than_on_hand():
    variant = make_variant(stock=5)

    with pytest.raises(IntegrityError, match="reserved_within_on_hand"), transaction.atomic():
        StockLevel.objects.filter(variant=variant).update(reserved=6)

    assert counts(variant) == (5, 0)


def test_the_ledger_refuses_updates_and_deletes():
    variant = make_variant(stock=5)

    for statement in (
        "UPDATE catalog_stock_movement SET quantity = 99",
        "DELETE FROM catalog_stock_movement",
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)

    assert sum(StockMovement.objects.filter(variant=variant).values_list("quantity", flat=True)) == 5
