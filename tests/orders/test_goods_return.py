"""Goods that come back: looked at unit by unit, into their own lot or destroyed, paid for by the rule."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from catalog import inventory
from catalog.models import Lot, Product, StockLevel, StockMovement
from orders import refunds, shipments
from orders.models import Order, Return, ReturnFinding, ReturnLine, ShipmentLine, StripeRefund
from orders.returns import cancellation, receiving, withdrawals
from orders.returns.receiving import Finding
from orders.returns.withdrawals import Statement
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_bundle, make_oil, make_variant, put_in_stock
from tests.factories.parcels import make_allocated_order, pack, send, takes_of

pytestmark = pytest.mark.django_db

SEALED, OPENED, LOST = ReturnFinding.Outcome


@pytest.fixture
def clerk() -> User:
    return User.objects.create_superuser("clerk@shop.example", "pw")


def make_hygienic(units: int = 3, *, stock: int = 10) -> Order:
    """Return an order of sealed goods that has left."""
    variant = make_variant(stock=stock)
    Product.objects.filter(pk=variant.product_id).update(return_rule=Product.ReturnRule.SEALED_HYGIENE)
    order = make_allocated_order(variant=variant, units=units)
    send(order)
    order.refresh_from_db()
    return order


def announce(order: Order, pieces: int | None = None, **fields: Any) -> Return:
    line = order.lines.get()
    given = {"reason": "does not like it", "actor": None, "at": AT}
    return receiving.open_return(order, {line.pk: pieces or line.quantity}, **{**given, **fields})


def look(goods_return: Return, clerk: User, **found: int) -> Return:
    """Write down what was found of a return with one component from one lot."""
    (row,) = receiving.due(goods_return)
    findings = [Finding(row.component, outcome, n, row.lot) for outcome, n in found.items()]
    return receiving.inspect(goods_return, findings, actor=clerk, at=AT)


def level_of(order: Order) -> tuple[int, int]:
    row = StockLevel.objects.get(variant=order.lines.get().variant)
    return row.on_hand, row.reserved


def test_opening_a_return_moves_neither_money_nor_stock() -> None:
    order = make_hygienic()

    goods_return = announce(order, 2)

    assert receiving.returnable(order) == {order.lines.get().pk: 1}
    assert not StripeRefund.objects.exists()
    assert not StockMovement.objects.filter(kind="returned").exists()
    mail = OutboxMessage.objects.get(kind="return_expected")
    assert goods_return.reference in mail.text
    assert f"2 x {order.lines.get().product_name}" in mail.text


@pytest.mark.parametrize("pieces", [0, 4, -1])
def test_only_what_has_left_can_come_back(pieces: int) -> None:
    order = make_hygienic()

    with pytest.raises(receiving.NotReturnable):
        receiving.open_return(order, {order.lines.get().pk: pieces}, reason="-", actor=None, at=AT)

    assert not Return.objects.exists()


def test_what_is_packed_but_has_not_left_cannot_come_back() -> None:
    order = make_allocated_order()
    pack(order)

    assert receiving.returnable(order) == {order.lines.get().pk: 0}


def test_sealed_units_wait_in_their_own_lot_opened_and_lost_ones_do_not(clerk: User) -> None:
    order = make_hygienic(3)
    lot = ShipmentLine.objects.get().lot
    assert level_of(order) == (7, 0)

    goods_return = look(announce(order), clerk, sealed=1, opened=1, lost=1)

    move = StockMovement.objects.get(kind="returned")
    assert (move.lot, move.quantity, move.physical, move.cause, move.actor) == (
        lot, 0, 1, f"return:{goods_return.reference}", clerk,
    )  # fmt: skip
    assert level_of(order) == (7, 0), "nothing is for sale before the lot is released again"
    assert inventory.differences() == []
    assert (goods_return.status, goods_return.inspected_by) == ("inspected", clerk)
    assert not StripeRefund.objects.exists(), "a restock is no refund"


def test_the_rule_pays_back_sealed_packs_only(clerk: User) -> None:
    order = make_hygienic(3)
    goods_return = look(announce(order), clerk, sealed=2, opened=1)
    line = order.lines.get()

    refund = receiving.pay_back(goods_return, {line.pk: 2}, with_delivery=False, actor=clerk, at=AT)

    goods_return.refresh_from_db()
    assert receiving.by_rule(goods_return) == {line.pk: 2}
    assert (refund.amount, refund.shipping_amount, refund.lines.get().quantity) == (2500, 0, 2)
    assert (goods_return.status, goods_return.refund) == ("closed", refund)
    mail = OutboxMessage.objects.get(kind="return_received")
    assert "£25.00 goes back" in mail.text
    assert StockMovement.objects.filter(kind="returned").count() == 1, "a refund is no restock"


def test_opened_packs_are_paid_back_only_with_a_reason_that_is_kept(clerk: User) -> None:
    order = make_hygienic(2)
    goods_return = look(announce(order), clerk, opened=2)
    line = order.lines.get()
    with pytest.raises(receiving.NeedsReason):
        receiving.pay_back(goods_return, {line.pk: 1}, with_delivery=False, actor=clerk, at=AT)
    assert not StripeRefund.objects.exists()

    receiving.pay_back(
        goods_return, {line.pk: 1}, with_delivery=False, why="Seal was broken on arrival.", actor=clerk, at=AT
    )

    goods_return.refresh_from_db()
    assert goods_return.decision == "Seal was broken on arrival."
    assert StripeRefund.objects.get().amount == 1250
    assert order.events.get(kind="return_closed").actor == clerk


def test_goods_without_a_seal_are_paid_back_opened_too(clerk: User) -> None:
    order = make_hygienic(2)
    Product.objects.update(return_rule=Product.ReturnRule.STANDARD)

    goods_return = look(announce(order), clerk, opened=1, lost=1)

    assert receiving.by_rule(goods_return) == {order.lines.get().pk: 1}


def test_a_return_may_close_without_money_and_the_customer_reads_why(clerk: User) -> None:
    order = make_hygienic(1)
    goods_return = look(announce(order), clerk, opened=1)

    receiving.close_unpaid(goods_return, why="The pouch was opened.", actor=clerk, at=AT)

    assert (
        "We do not pay anything back for it: The pouch was opened."
        in OutboxMessage.objects.get(kind="return_received").text
    )
    assert not StripeRefund.objects.exists()


@pytest.mark.parametrize("found", [{"sealed": 1}, {"sealed": 2, "opened": 1, "lost": 1}, {}])
def test_every_announced_unit_is_accounted_for(found: dict[str, int], clerk: User) -> None:
    goods_return = announce(make_hygienic(3))

    with pytest.raises(receiving.FindingRefused):
        look(goods_return, clerk, **found)

    goods_return.refresh_from_db()
    assert goods_return.status == "expected"
    assert not StockMovement.objects.filter(kind="returned").exists()


def test_units_go_back_only_into_a_lot_that_they_left_from(clerk: User) -> None:
    order = make_hygienic(2)
    goods_return = announce(order)
    (row,) = receiving.due(goods_return)
    other = put_in_stock(row.component.variant, 5, code="OTHER")

    with pytest.raises(receiving.FindingRefused):
        receiving.inspect(goods_return, [Finding(row.component, SEALED, 2, other)], actor=clerk, at=AT)

    assert not ReturnFinding.objects.exists()


def test_no_lot_gives_back_more_than_left_from_it(clerk: User) -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 1, best_before_on=date(2028, 1, 31), code="EARLY")
    put_in_stock(variant, 5, best_before_on=date(2029, 9, 30), code="LATE")
    order = make_allocated_order(variant=variant, units=3)
    send(order)
    order.refresh_from_db()
    goods_return = announce(order)
    early, late = sorted(receiving.due(goods_return), key=lambda row: row.lot.code if row.lot else "")
    part = early.component
    assert (early.sent, late.sent) == (1, 2)

    with pytest.raises(receiving.FindingRefused):
        receiving.inspect(goods_return, [Finding(part, SEALED, 3, early.lot)], actor=clerk, at=AT)
    findings = [Finding(part, SEALED, 1, early.lot), Finding(part, SEALED, 2, late.lot)]
    receiving.inspect(goods_return, findings, actor=clerk, at=AT)

    back = StockMovement.objects.filter(kind="returned").values_list("lot__code", "physical")
    assert set(back) == {("EARLY", 1), ("LATE", 2)}


def test_units_may_come_back_into_a_lot_that_was_recalled_meanwhile(clerk: User) -> None:
    order = make_hygienic(1)
    lot = ShipmentLine.objects.get().lot
    assert lot is not None
    inventory.recall(lot, reason="supplier", cause="recall:1", at=AT, actor=clerk)

    look(announce(order), clerk, sealed=1)

    lot.refresh_from_db()
    assert (lot.status, lot.on_hand, lot.physical) == (Lot.Status.RECALLED, 0, 10)
    assert inventory.differences() == []


def test_when_all_is_back_the_order_is_returned_and_not_before(clerk: User) -> None:
    order = make_hygienic(3)
    look(announce(order, 2), clerk, sealed=1, opened=1)
    order.refresh_from_db()
    assert order.fulfilment_status == "fulfilled"

    look(announce(order, 1), clerk, sealed=1)

    order.refresh_from_db()
    assert order.fulfilment_status == "returned"


def test_lost_units_are_not_back(clerk: User) -> None:
    order = make_hygienic(2)

    look(announce(order), clerk, sealed=1, lost=1)

    order.refresh_from_db()
    assert order.fulfilment_status == "fulfilled"


def test_of_a_bundle_only_whole_pieces_are_paid_back(clerk: User) -> None:
    flakes, oil = make_variant(sku="FLK"), make_oil(sku="OIL")
    Product.objects.update(return_rule=Product.ReturnRule.SEALED_HYGIENE)
    order = make_allocated_order(variant=make_bundle([(flakes, 2), (oil, 1)]), units=2)
    send(order)
    order.refresh_from_db()
    goods_return = announce(order)
    rows = {row.component.sku: row for row in receiving.due(goods_return)}
    assert {sku: row.expected for sku, row in rows.items()} == {"FLK": 4, "OIL": 2}

    findings = [
        Finding(rows["FLK"].component, SEALED, 4, rows["FLK"].lot),
        Finding(rows["OIL"].component, SEALED, 1, rows["OIL"].lot),
        Finding(rows["OIL"].component, OPENED, 1, rows["OIL"].lot),
    ]
    receiving.inspect(goods_return, findings, actor=clerk, at=AT)

    assert receiving.by_rule(goods_return) == {order.lines.get().pk: 1}


def test_a_withdrawal_gives_back_the_standard_delivery_and_no_dearer_one(regions: None, clerk: User) -> None:
    order = make_hygienic(1)
    Order.objects.filter(pk=order.pk).update(shipping_method="tracked_fast", shipping_total=845, total=2095)
    order.refresh_from_db()
    told = Statement(name="Ada", email=order.email, order_given=order.reference, text="I withdraw.")
    row = withdrawals.receive(told, source="page", at=AT)
    withdrawals.match(row, order, actor=None, at=AT)
    goods_return = look(announce(order, withdrawal=row), clerk, sealed=1)

    refund = receiving.pay_back(
        goods_return, {order.lines.get().pk: 1}, with_delivery=True, actor=clerk, at=AT
    )

    assert receiving.standard_delivery(order) == 395
    assert (refund.amount, refund.shipping_amount) == (1250 + 395, 395)


def test_pieces_of_a_cancelled_return_can_be_announced_again(clerk: User) -> None:
    order = make_hygienic(2)

    receiving.cancel_return(announce(order), reason="kept it", actor=clerk, at=AT)

    assert announce(order).status == "expected"


def test_staff_look_at_a_return_and_pay_it_back_on_two_pages(clerk: User) -> None:
    order = make_hygienic(2)
    goods_return = announce(order)
    desk = Client()
    desk.force_login(clerk)
    line = order.lines.get()

    form = desk.get(reverse("admin:orders_return_inspect", args=[goods_return.pk])).content.decode()
    desk.post(reverse("admin:orders_return_inspect", args=[goods_return.pk]), {"sealed_0": 1, "opened_0": 1})
    pay = reverse("admin:orders_return_pay_back", args=[goods_return.pk])
    offered = desk.get(pay).content.decode()
    left = refunds.refundable(order.payment)
    refused = desk.post(pay, {f"line_{line.pk}": 2, "expected_left": left}, follow=True).content.decode()

    assert "2 announced, 2 left from here." in form
    assert "The rule gives 1 of 2." in offered
    assert "Say why opened or lost goods are paid back." in refused
    goods_return.refresh_from_db()
    assert (goods_return.status, goods_return.inspected_by) == ("inspected", clerk)
    assert not StripeRefund.objects.exists()


def all_at_once(*works: Callable[[], Any]) -> Counter[str]:
    """Run each work in a thread of its own, beginning together; count what came of them."""
    gate, outcomes = threading.Barrier(len(works)), []

    def one(work: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=10)
            work()
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return Counter(outcomes)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_inspectors_put_the_units_back_once(clerk: User) -> None:
    goods_return = announce(make_hygienic(2))

    outcomes = all_at_once(*[lambda: look(goods_return, clerk, sealed=2)] * 6)

    assert outcomes == {"done": 1, "AlreadyInspected": 5}
    assert StockMovement.objects.get(kind="returned").physical == 2
    assert ReturnFinding.objects.get().quantity == 2
    assert inventory.differences() == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_only_the_constraint_is_left(
    clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is off and the inspectors look together: all of them believe that nobody has looked."""
    goods_return = announce(make_hygienic(2))
    met = threading.Barrier(6)

    def look_only(row: Return) -> Return:
        found = Return.objects.select_related("order").get(pk=row.pk)
        met.wait(timeout=10)
        return found

    monkeypatch.setattr(receiving, "_lock", look_only)

    outcomes = all_at_once(*[lambda: look(goods_return, clerk, sealed=2)] * 6)

    assert outcomes["AlreadyInspected"] == 0
    assert outcomes == {"done": 1, IntegrityError.__name__: 5}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_clerks_pay_a_return_back_once(clerk: User) -> None:
    order = make_hygienic(2)
    goods_return = look(announce(order), clerk, sealed=2)
    line = order.lines.get()

    outcomes = all_at_once(
        *[
            lambda: receiving.pay_back(goods_return, {line.pk: 1}, with_delivery=False, actor=clerk, at=AT)
        ] * 6
    )  # fmt: skip

    assert outcomes == {"done": 1, "InvalidTransition": 5}
    assert StripeRefund.objects.get().amount == 1250
    assert OutboxMessage.objects.filter(kind="return_received").count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(4))
def test_a_packer_and_a_cancelling_customer_never_both_win(_round: int) -> None:
    order = make_allocated_order()
    takes = takes_of(order)

    outcomes = all_at_once(
        lambda: cancellation.cancel_paid(order, reason="no", actor=None, at=AT),
        lambda: shipments.pack(order, takes, actor=None, at=AT),
    )

    order.refresh_from_db()
    assert outcomes["done"] == 1
    assert (order.status == "cancelled") != order.shipments.exists()
    assert StripeRefund.objects.exists() == (order.status == "cancelled")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_eight_cancellations_refund_once() -> None:
    order = make_allocated_order()

    outcomes = all_at_once(
        *[lambda: cancellation.cancel_paid(order, reason="no", actor=None, at=AT)] * 8
    )  # fmt: skip

    assert outcomes == {"done": 1, "NotCancellable": 7}
    assert StripeRefund.objects.get().amount == order.total
    assert OutboxMessage.objects.filter(kind="order_cancelled").count() == 1


def test_the_database_refuses_a_refund_of_an_open_return() -> None:
    order = make_hygienic()
    goods_return = announce(order)
    goods_return.refund = refunds.request_refund(order, amount=1, reason="-", actor=None, at=AT)

    with pytest.raises(IntegrityError, match="orders_return_refund_closes"), transaction.atomic():
        goods_return.save()
    with pytest.raises(IntegrityError, match="orders_return_line_quantity"), transaction.atomic():
        ReturnLine.objects.update(quantity=0)
