"""Lots, counts by hand, and what happens to promises when stock is taken away."""

from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import inventory
from catalog.models import Lot, RawLot, StockLevel, StockMovement, StockReservation
from shop.exceptions import InvalidInput, ShopError
from shop.transitions import InvalidTransition
from tests.factories.catalog import AT, make_variant, put_in_stock

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(minutes=15)
STAFF = {"actor": None, "at": AT}


@contextmanager
def refused(error):
    """Expect a refusal and go on after it: a verb's refusal spends the transaction that it is in."""
    with pytest.raises(error), transaction.atomic():
        yield


def hold(reference, variant, n):
    inventory.reserve(reference=reference, quantities={variant.pk: n}, until=LATER, at=AT)


def sell(reference, variant, n):
    hold(reference, variant, n)
    inventory.allocate(reference, at=AT)


def counts(variant):
    level = StockLevel.objects.get(variant=variant)
    return level.on_hand, level.reserved


def of_lot(lot):
    lot.refresh_from_db()
    return lot.status, lot.on_hand, lot.physical


def test_a_lot_waits_in_quarantine_until_it_is_released():
    variant = make_variant(stock=0)
    facts = {"variant": variant, "code": "L1", "quantity": 8, "best_before_on": date(2029, 1, 31)}

    lot = inventory.receive_lot(**facts, cause="delivery:1", at=AT)
    assert (of_lot(lot), counts(variant)) == (("quarantine", 0, 8), (0, 0))

    inventory.release_lot(lot, cause="release:1", **STAFF)
    assert (of_lot(lot), counts(variant)) == (("released", 8, 8), (8, 0))


def test_the_same_delivery_is_booked_once_and_a_second_one_adds_to_the_lot():
    variant = make_variant(stock=0)
    facts = {"variant": variant, "code": "L1", "quantity": 8, "best_before_on": date(2029, 1, 31), "at": AT}

    for cause in ("delivery:1", "delivery:1", "delivery:2"):
        lot = inventory.receive_lot(**facts, cause=cause, release=True)

    assert of_lot(lot) == ("released", 16, 16)
    with pytest.raises(inventory.LotMismatch):
        inventory.receive_lot(**{**facts, "best_before_on": date(2030, 1, 1)}, cause="delivery:3")


def test_a_lot_too_near_its_best_before_date_is_not_released():
    variant = make_variant(stock=0, min_remaining_life_days=60)
    facts = {"variant": variant, "quantity": 1, "at": AT}

    last = inventory.receive_lot(
        **facts, code="L1", best_before_on=date(2027, 1, 22), cause="a", release=True
    )
    assert of_lot(last) == ("released", 1, 1)
    late = inventory.receive_lot(**facts, code="L2", best_before_on=date(2027, 1, 21), cause="b")
    with refused(inventory.LotTooOld):
        inventory.release_lot(late, cause="c", **STAFF)

    assert counts(variant) == (1, 0)


def test_the_picker_takes_the_earliest_lot_first_and_none_that_is_too_old():
    variant = make_variant(stock=0, min_remaining_life_days=60)
    late = put_in_stock(variant, 5, best_before_on=date(2029, 1, 31))
    early = put_in_stock(variant, 2, best_before_on=date(2028, 1, 31))
    put_in_stock(variant, 9, best_before_on=date(2027, 1, 31))

    assert inventory.pick_fefo(variant.pk, 4, date(2026, 12, 3)) == [
        (variant.pk, early.pk, 2),
        (variant.pk, late.pk, 2),
    ]
    with pytest.raises(inventory.NotEnoughStock):
        inventory.pick_fefo(variant.pk, 8, date(2026, 12, 3))


def test_packing_takes_the_units_off_the_shelf_once():
    variant = make_variant(stock=10)
    sell("order:A", variant, 3)
    picks = inventory.pick_fefo(variant.pk, 3, AT.date())

    first = inventory.consume("order:A", picks=picks, cause="shipment:1", at=AT)
    again = inventory.consume("order:A", picks=picks, cause="shipment:1", at=AT)

    assert (len(first), again) == (1, [])
    assert counts(variant) == (7, 0)
    assert of_lot(variant.lots.get()) == ("released", 7, 7)
    assert StockReservation.objects.get().status == "consumed"


@pytest.mark.parametrize(("verb", "words"), [("recall", "recalled"), ("quarantine", "quarantine")])
def test_a_lot_that_is_off_sale_cannot_be_chosen_for_a_parcel(verb, words):
    variant = make_variant(stock=5)
    chosen = put_in_stock(variant, 5)
    sell("order:A", variant, 3)
    getattr(inventory, verb)(chosen, cause="away", **STAFF)

    with pytest.raises(inventory.LotNotOnSale, match=words), transaction.atomic():
        inventory.consume("order:A", picks=[(variant.pk, chosen.pk, 3)], cause="shipment:1", at=AT)

    assert counts(variant) == (5, 3)
    assert not StockMovement.objects.filter(kind="consumed").exists()


def test_a_lot_past_its_last_day_cannot_be_chosen_even_before_the_sweep_has_met_it():
    variant = make_variant(stock=5, min_remaining_life_days=60)
    chosen = put_in_stock(variant, 5, best_before_on=date(2027, 1, 31))
    sell("order:A", variant, 3)
    picks = [(variant.pk, chosen.pk, 3)]

    with refused(inventory.LotTooOld):
        inventory.consume("order:A", picks=picks, cause="shipment:1", at=AT.replace(month=12, day=3))
    assert counts(variant) == (10, 3)
    inventory.consume("order:A", picks=picks, cause="shipment:1", at=AT.replace(month=12, day=2))

    assert counts(variant) == (7, 0)


def test_ageing_takes_from_holds_first_and_leaves_paid_orders_whole():
    variant = make_variant(stock=4, min_remaining_life_days=60)
    put_in_stock(variant, 4, best_before_on=date(2027, 1, 31))
    sell("order:old", variant, 3)
    hold("order:paying", variant, 5)

    taken = inventory.age_out(at=AT.replace(month=12, day=3))

    assert (taken.holds, taken.short) == (["order:paying"], [])
    assert counts(variant) == (4, 3)


def test_an_order_in_part_packed_is_short_of_the_rest_only():
    variant = make_variant(stock=2)
    bad = put_in_stock(variant, 2)
    sell("order:A", variant, 4)
    first = variant.lots.order_by("pk").first()
    inventory.consume("order:A", picks=[(variant.pk, first.pk, 2)], cause="shipment:1", at=AT)

    taken = inventory.recall(bad, cause="r", **STAFF)

    row = StockReservation.objects.get()
    assert taken.short == ["order:A"]
    assert list(inventory.gone_short(AT)) == [row]
    assert (row.status, row.quantity, row.consumed) == ("short", 4, 2)
    assert counts(variant) == (0, 0)


def test_an_order_may_leave_in_two_parcels_and_the_rest_be_released():
    variant = make_variant(stock=10)
    sell("order:A", variant, 3)
    lot = variant.lots.get()

    inventory.consume("order:A", picks=[(variant.pk, lot.pk, 2)], cause="shipment:1", at=AT)
    assert counts(variant) == (8, 1)
    with pytest.raises(inventory.NotAllocated):
        inventory.consume("order:A", picks=[(variant.pk, lot.pk, 2)], cause="shipment:2", at=AT)


def test_what_is_released_after_a_part_has_left_stays_left():
    variant = make_variant(stock=10)
    sell("order:A", variant, 3)
    lot = variant.lots.get()
    inventory.consume("order:A", picks=[(variant.pk, lot.pk, 2)], cause="shipment:1", at=AT)

    inventory.release("order:A", at=AT)

    row = StockReservation.objects.get()
    assert (row.status, row.quantity, row.consumed) == ("consumed", 2, 2)
    assert counts(variant) == (8, 0)


def test_a_hold_alone_lets_nothing_leave():
    variant = make_variant(stock=10)
    hold("order:A", variant, 1)

    with pytest.raises(inventory.NotAllocated):
        inventory.consume(
            "order:A", picks=[(variant.pk, variant.lots.get().pk, 1)], cause="shipment:1", at=AT
        )


def test_taking_a_lot_away_breaks_holds_first_and_then_the_newest_allocations():
    variant = make_variant(stock=4)
    bad = put_in_stock(variant, 4)
    sell("order:old", variant, 3)
    sell("order:new", variant, 3)
    hold("order:paying", variant, 2)

    taken = inventory.quarantine(bad, cause="q:1", reason="leaking", **STAFF)

    assert (taken.holds, taken.short) == (["order:paying"], ["order:new"])
    assert counts(variant) == (4, 3)
    assert of_lot(bad) == ("quarantine", 0, 4)
    statuses = dict(StockReservation.objects.values_list("reference", "status"))
    assert statuses == {"order:old": "allocated", "order:new": "short", "order:paying": "released"}
    assert call_command("check_stock") is None


def test_a_short_order_is_covered_when_stock_is_back():
    variant = make_variant(stock=3)
    lot = variant.lots.get()
    sell("order:A", variant, 3)
    inventory.quarantine(lot, cause="q:1", **STAFF)

    assert not inventory.cover_shortage("order:A", at=AT)
    assert not inventory.allocate("order:A", at=AT)
    inventory.release_lot(lot, cause="r:1", **STAFF)
    assert inventory.cover_shortage("order:A", at=AT)

    assert counts(variant) == (3, 3)
    assert inventory.is_reserved("order:A")


def test_a_recalled_lot_never_comes_back():
    variant = make_variant(stock=5)
    lot = variant.lots.get()

    inventory.recall(lot, cause="recall:1", **STAFF)
    assert inventory.recall(lot, cause="recall:2", **STAFF) == inventory.Taken()

    assert of_lot(lot) == ("recalled", 0, 5)
    with refused(InvalidTransition):
        inventory.release_lot(lot, cause="r", **STAFF)
    with refused(InvalidTransition):
        inventory.quarantine(lot, cause="q", **STAFF)


def test_a_supplier_lot_leads_to_every_lot_made_of_it():
    variant = make_variant(stock=0)
    raw = RawLot.objects.create(
        code="RM-1", item="RAW", supplier_lot="S-1", quantity=1, unit="kg", received_on=AT.date()
    )
    facts = {"variant": variant, "quantity": 1, "best_before_on": None, "at": AT}
    made = inventory.receive_lot(**facts, code="L1", raw_lots=[raw], cause="1")
    bought = inventory.receive_lot(**facts, code="L2", supplier_lot="S-1", cause="2")
    inventory.receive_lot(**facts, code="L3", cause="3")

    assert set(inventory.lots_from("S-1")) == {made, bought}
    assert set(inventory.lots_from("RM-1")) == {made}


def test_nothing_made_of_a_recalled_supplier_lot_is_released():
    variant = make_variant(stock=0)
    raw = RawLot.objects.create(
        code="RM-1", item="RAW", supplier_lot="S-1", quantity=1, unit="kg", received_on=AT.date()
    )
    lot = inventory.receive_lot(
        variant=variant, quantity=3, best_before_on=None, code="L1", raw_lots=[raw], cause="1", at=AT
    )

    assert inventory.recall_raw("S-1") == 1
    assert inventory.recall_raw("S-2") == 0
    with refused(inventory.RawLotRecalled):
        inventory.release_lot(lot, cause="r", **STAFF)

    assert of_lot(lot) == ("quarantine", 0, 3)


def test_a_lot_is_sold_up_to_its_last_day_and_not_after():
    variant = make_variant(stock=0, min_remaining_life_days=60)
    lot = put_in_stock(variant, 5, best_before_on=date(2027, 1, 31))

    inventory.age_out(at=AT.replace(month=12, day=2))
    assert of_lot(lot) == ("released", 5, 5)
    inventory.age_out(at=AT.replace(month=12, day=3))
    inventory.age_out(at=AT.replace(month=12, day=3))

    assert of_lot(lot) == ("aged_out", 0, 5)
    assert counts(variant) == (0, 0)


def test_returned_units_wait_in_their_lot_until_staff_release_it():
    variant = make_variant(stock=5)
    lot = variant.lots.get()

    for _ in range(2):
        inventory.restock(variant=variant, lot=lot, quantity=2, cause="return:1", line="1", at=AT)
    assert (of_lot(lot), counts(variant)) == (("released", 5, 7), (5, 0))

    inventory.release_lot(lot, cause="inspected:1", **STAFF)
    assert (of_lot(lot), counts(variant)) == (("released", 7, 7), (7, 0))


def test_returned_units_that_staff_looked_at_are_sellable_at_once():
    variant = make_variant(stock=5)
    lot = variant.lots.get()

    inventory.restock(variant=variant, lot=lot, quantity=1, cause="return:1", sellable=True, at=AT)

    assert of_lot(lot) == ("released", 6, 6)


def test_returned_units_of_a_recalled_lot_never_become_sellable():
    variant = make_variant(stock=5)
    lot = variant.lots.get()
    stale = variant.lots.get()
    inventory.recall(lot, cause="recall:1", **STAFF)

    with refused(inventory.LotNotOnSale):
        inventory.restock(variant=variant, lot=stale, quantity=1, cause="return:1", sellable=True, at=AT)
    inventory.restock(variant=variant, lot=stale, quantity=1, cause="return:2", at=AT)

    assert (of_lot(lot), counts(variant)) == (("recalled", 0, 6), (0, 0))


def test_returned_units_that_turn_out_broken_leave_without_touching_the_shelf():
    variant = make_variant(stock=5)
    lot = variant.lots.get()
    inventory.restock(variant=variant, lot=lot, quantity=2, cause="return:1", at=AT)
    facts = {"variant": variant, "lot": lot, "kind": "damaged", "reason": "open", **STAFF}

    inventory.adjust(**facts, quantity=-2, cause="d:1", waiting=True)
    with refused(inventory.NotEnoughStock):
        inventory.adjust(**facts, quantity=-1, cause="d:2", waiting=True)

    assert of_lot(lot) == ("released", 5, 5)


def test_damage_below_what_is_promised_breaks_a_promise():
    variant = make_variant(stock=5)
    sell("order:A", variant, 5)

    taken = inventory.adjust(
        variant=variant, lot=variant.lots.get(), kind="damaged", quantity=-1, reason="wet", cause="d", **STAFF
    )

    assert taken.short == ["order:A"]
    assert counts(variant) == (4, 0)


def test_adjustments_that_make_no_sense_are_refused():
    variant = make_variant(stock=5)
    facts = {"variant": variant, "reason": "", "cause": "x", **STAFF}

    with refused(InvalidInput):
        inventory.adjust(**facts, lot=variant.lots.get(), kind="damaged", quantity=1)
    with refused(InvalidInput):
        inventory.adjust(**facts, lot=variant.lots.get(), kind="consumed", quantity=-1)
    with refused(inventory.LotRequired):
        inventory.adjust(**facts, kind="damaged", quantity=-1)
    with refused(inventory.NotEnoughStock):
        inventory.adjust(**facts, lot=variant.lots.get(), kind="damaged", quantity=-6)

    assert counts(variant) == (5, 0)


def test_a_stocktake_writes_the_difference_only():
    scoop = make_variant(stock=10, is_lot_tracked=False)
    before = StockMovement.objects.count()

    inventory.count(variant=scoop, counted=10, cause="count:1", **STAFF)
    assert StockMovement.objects.count() == before
    inventory.count(variant=scoop, counted=7, cause="count:2", **STAFF)

    assert StockMovement.objects.latest("id").quantity == -3
    assert counts(scoop) == (7, 0)


def test_check_stock_lists_a_tampered_count(capsys):
    variant = make_variant(stock=5)
    StockLevel.objects.filter(variant=variant).update(on_hand=6, reserved=1)
    Lot.objects.filter(variant=variant).update(physical=9)

    with pytest.raises(SystemExit) as exit_:
        call_command("check_stock")

    assert exit_.value.code == 1
    table = capsys.readouterr().out
    assert table.count(variant.sku) >= 4
    assert "on hand / movements" in table
    assert "reserved / open reservations" in table
    assert "in the building" in table


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "hold",
                "pay",
                "ship",
                "free",
                "sweep",
                "quarantine",
                "release",
                "damage",
                "count",
                "return",
                "cover",
            ]
        ),
        st.integers(0, 3),
        st.integers(1, 4),
    ),
    max_size=14,
)


def take_step(step, who, n, variant, lot, number):
    reference, cause = f"order:{who}", f"step:{number}"
    if step == "hold":
        inventory.reserve(reference=reference, quantities={variant.pk: n}, until=LATER, at=AT)
    elif step == "pay":
        inventory.allocate(reference, at=AT)
    elif step == "ship":
        picks = inventory.pick_fefo(variant.pk, n, AT.date())
        inventory.consume(reference, picks=picks, cause=cause, at=AT)
    elif step == "free":
        inventory.release(reference, at=AT)
    elif step == "sweep":
        inventory.release_expired(at=LATER)
    elif step == "cover":
        inventory.cover_shortage(reference, at=AT)
    elif step == "quarantine":
        inventory.quarantine(lot, cause=cause, **STAFF)
    elif step == "release":
        inventory.release_lot(lot, cause=cause, **STAFF)
    elif step == "damage":
        facts = {"kind": "damaged", "quantity": -n, "reason": "", "cause": cause}
        inventory.adjust(variant=variant, lot=lot, **facts, **STAFF)
    elif step == "count":
        inventory.count(variant=variant, lot=lot, counted=n, cause=cause, **STAFF)
    else:
        inventory.restock(variant=variant, lot=lot, quantity=n, cause=cause, at=AT)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=STEPS)
def test_whatever_happens_the_counts_follow_from_the_ledger(steps):
    variant = make_variant(stock=3)
    lot = variant.lots.get()
    put_in_stock(variant, 3)

    for number, (step, who, n) in enumerate(steps):
        try:
            take_in_savepoint(step, who, n, variant, lot, f"{variant.pk}:{number}")
        except ShopError:
            continue

    assert inventory.differences() == []


def take_in_savepoint(*facts):
    with transaction.atomic():
        take_step(*facts)
