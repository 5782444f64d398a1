"""Invoices and credit notes: numbered without gaps, issued with the money, exact to the cent."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from orders import invoices, links, reconciler, refunds
from orders.invoices import issuing
from orders.models import Invoice, InvoiceSeries, Order, OrderLine, SellerIdentity, StripeRefund
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_bundle, make_variant
from tests.factories.orders import make_paid_order, make_refund
from tests.stripe_side import StripeSide
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db(transaction=True)


def issue(order: Order) -> Invoice:
    """Issue an order's invoice in a transaction of its own, as settlement does."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        return invoices.issue_invoice(order, at=AT)


def credit(refund: StripeRefund) -> Invoice:
    with transaction.atomic():
        note = invoices.issue_credit_note(refund, at=AT)
        assert note is not None
        return note


def refund_of(order: Order, **what: Any) -> StripeRefund:
    """Return a refund that was asked for and went through at Stripe."""
    refund = refunds.request_refund(order, **what, reason="torn", actor=None, at=timezone.now())
    reconciler.send_refund(refund.pk, at=timezone.now())
    refund.refresh_from_db()
    return refund


def test_paying_issues_the_invoice_before_the_mail(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})

    order = till.bought(("FLK", 2))

    invoice = order.invoices.get()
    assert (invoice.kind, invoice.code) == ("invoice", f"TEST-GB-{AT.year}-000001")
    assert (invoice.gross, invoice.tax, invoice.net) == (order.total, order.tax_total, 2488)
    assert invoice.seller["legal_name"] == "Stillwater Magnesium Ltd (fictitious)"
    assert invoice.buyer["billing"][0] == "Ada Buyer"
    assert [line["gross"] for line in invoice.lines] == [2390, 595]
    assert [(part["name"], part["rate"], part["gross"]) for part in invoice.taxes] == [("VAT", "20", 2985)]
    assert order.events.filter(kind="invoiced").count() == 1
    assert not Invoice.objects.filter(kind="credit_note").exists()


def test_settling_again_issues_no_second_invoice(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    stripe_side.deliver(till.client, again=True)
    reconciler.check_payment(order.payment, at=timezone.now())

    assert Invoice.objects.count() == 1
    assert InvoiceSeries.objects.get().last_number == 1


def test_later_changes_of_seller_and_catalogue_change_no_invoice(till: Till) -> None:
    variant = make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    before = Invoice.objects.filter(order=order).values().get()

    SellerIdentity.objects.update(legal_name="Somebody Else", vat_id="GB999999999")
    variant.product.name = "Another name"
    variant.product.save()

    assert Invoice.objects.filter(order=order).values().get() == before


def test_an_invoice_refuses_change_and_deletion(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    with pytest.raises(DatabaseError, match="append-only"):
        Invoice.objects.filter(order=order).update(gross=1)
    with pytest.raises(DatabaseError, match="append-only"):
        Invoice.objects.filter(order=order)._raw_delete("default")

    assert order.invoices.get().gross == order.total


def test_money_counts_even_where_nobody_is_named_as_the_seller(till: Till, settings: Any) -> None:
    settings.STAFF_ALERT_EMAILS = ["staff@shop.example"]
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    SellerIdentity.objects.all().delete()
    till.stripe.pay(placed["payment"]["client_secret"])
    till.settle()
    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("placed", "paid")
    assert not Invoice.objects.exists()
    assert OutboxMessage.objects.filter(kind="staff_review").count() == 1
    assert OutboxMessage.objects.filter(kind="order_confirmation").count() == 1


def test_the_command_issues_what_is_missing_and_says_what_it_cannot(
    regions: None, capsys: pytest.CaptureFixture[str]
) -> None:
    old, odd = make_paid_order(), make_paid_order(shipping_zone="ATLANTIS")
    make_refund(old, amount=500)

    call_command("issue_invoices")
    call_command("issue_invoices")

    assert list(old.invoices.order_by("pk").values_list("kind", "gross")) == [
        ("invoice", 2895),
        ("credit_note", 500),
    ]
    assert not odd.invoices.exists()
    said = capsys.readouterr().out
    assert "2 documents issued, 1 order without." in said
    assert odd.reference in said


def test_a_refund_by_line_and_delivery_is_credited_when_it_went_through(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    line = OrderLine.objects.get(order=order)

    refund = refund_of(order, lines={line.pk: 1}, with_shipping=True)

    note = Invoice.objects.get(refund=refund)
    assert (note.code, note.gross, note.tax) == (f"TEST-GB-CN-{AT.year}-000001", 1790, 298)
    assert [(row["name"], row["quantity"], row["gross"]) for row in note.lines] == [
        (f"{line.product_name}, {line.variant_name}", 1, 1195),
        ("Delivery: Standard delivery", 1, 595),
    ]
    assert note.seller == order.invoices.get(kind="invoice").seller


def test_a_refund_that_stripe_has_not_made_is_not_credited(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    refunds.request_refund(order, amount=100, reason="torn", actor=None, at=timezone.now())

    assert not Invoice.objects.filter(kind="credit_note").exists()
    assert not InvoiceSeries.objects.filter(kind="credit_note").exists()


CARD_WHOSE_REFUNDS_FAIL = "4000000000005126"


def failed_after_all(till: Till, refund: StripeRefund) -> None:
    """Wait until Stripe takes a refund back that had gone through, and let its event come."""
    path = f"/v1/refunds/{refund.stripe_refund_id}"
    assert any(till.stripe._get(path)["status"] == "failed" for _ in range(5000))
    till.settle()


def test_a_refund_that_fails_after_its_credit_note_is_cancelled_by_a_document(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2), number=CARD_WHOSE_REFUNDS_FAIL)
    line = OrderLine.objects.get(order=order)
    refund = refund_of(order, lines={line.pk: 1}, with_shipping=True)
    note = Invoice.objects.get(refund=refund)
    before = Invoice.objects.filter(pk=note.pk).values().get()

    failed_after_all(till, refund)
    till.stripe.deliver(till.client, again=True)
    work_off()

    undone = Invoice.objects.get(kind="cancellation")
    assert (undone.code, undone.cancels) == (f"TEST-GB-CX-{AT.year}-000001", note)
    assert (undone.gross, undone.tax, undone.taxes, undone.lines) == (1790, 298, note.taxes, note.lines)
    assert Invoice.objects.filter(pk=note.pk).values().get() == before, "what was issued stays"
    order.refresh_from_db()
    order.payment.refresh_from_db()
    assert (order.payment_status, order.payment.amount_refunded) == ("paid", 0)
    assert order.events.filter(kind="credit_cancelled").count() == 1
    told = OutboxMessage.objects.filter(kind="staff_review").latest("pk")
    assert f"{undone.code} cancels its credit note" in told.text
    page = till.client.get(links.order_url(order).removeprefix(settings.BASE_URL)).content.decode()
    assert f"Cancellation of credit note {undone.code}" in page
    documents = till.send(
        "GET", f"orders/{order.reference}", Authorization=f"OrderToken {links.order_token(order)}"
    ).json()["documents"]
    assert [one["kind"] for one in documents] == ["invoice", "credit_note", "cancellation"]


def test_what_is_paid_back_again_is_credited_anew_and_whole(till: Till) -> None:
    """Else the tax of the cancelled note would be missing in the next ones."""
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2), number=CARD_WHOSE_REFUNDS_FAIL)
    first = refund_of(order)
    failed_after_all(till, first)

    second = refund_of(order)

    invoice, note = order.invoices.get(kind="invoice"), Invoice.objects.get(refund=second)
    assert (note.code, note.gross, note.tax) == (f"TEST-GB-CN-{AT.year}-000002", order.total, invoice.tax)
    assert note.taxes == invoice.taxes


def test_the_command_cancels_what_an_earlier_failure_left_standing(regions: None) -> None:
    order = make_paid_order()
    refund = make_refund(order, amount=500)
    call_command("issue_invoices")
    StripeRefund.objects.filter(pk=refund.pk).update(status="failed")

    call_command("issue_invoices")
    call_command("issue_invoices")

    assert list(order.invoices.order_by("pk").values_list("kind", "gross")) == [
        ("invoice", 2895),
        ("credit_note", 500),
        ("cancellation", 500),
    ]


def test_a_refund_that_failed_before_it_was_credited_leaves_no_document(regions: None) -> None:
    order = make_paid_order()
    issue(order)
    refund = make_refund(order, status="failed")

    with transaction.atomic():
        assert invoices.cancel_credit_note(refund, at=AT) is None

    assert order.invoices.count() == 1


def test_the_database_lets_a_credit_note_be_cancelled_once(regions: None) -> None:
    refund = make_refund(make_paid_order())
    issue(refund.payment.order)
    credit(refund)
    with transaction.atomic():
        undone = invoices.cancel_credit_note(refund, at=AT)
        assert undone is not None
        assert invoices.cancel_credit_note(refund, at=AT) == undone
    fields = {field.attname: getattr(undone, field.attname) for field in Invoice._meta.concrete_fields}
    del fields["id"]

    with pytest.raises(IntegrityError, match="cancels_id"):
        Invoice.objects.create(**{**fields, "code": "X-1", "number": 99})
    with pytest.raises(IntegrityError, match="orders_invoice_is_about"):
        Invoice.objects.create(**{**fields, "code": "X-1", "number": 99, "cancels_id": None})


def test_a_refund_made_in_stripes_dashboard_is_credited_once(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    stripe_side.refund_in_dashboard(order.payment.stripe_payment_intent_id, 333)
    till.settle()
    stripe_side.deliver(till.client, again=True)

    note = Invoice.objects.get(kind="credit_note")
    assert (note.gross, note.net + note.tax) == (333, 333)
    assert note.lines[0]["name"] == "Part of the price"


@pytest.mark.parametrize("seed", range(25))
def test_credit_notes_of_a_whole_refund_give_back_exactly_the_tax(seed: int, regions: None) -> None:
    order = make_paid_order(units=3)
    draw = random.Random(seed)
    invoice = issue(order)
    left, notes = order.total, []

    while left:
        amount = min(left, draw.choice([1, 7, 99, 333, 1250, 1795]))
        notes.append(credit(make_refund(order, amount=amount)))
        left -= amount

    assert sum(note.gross for note in notes) == invoice.gross
    assert sum(note.tax for note in notes) == invoice.tax
    assert sum(note.net for note in notes) == invoice.net


def test_a_bundle_names_what_is_inside(till: Till) -> None:
    flakes, scoop = make_variant(sku="FLK"), make_variant(sku="SCP", is_lot_tracked=False)
    make_bundle([(flakes, 2), (scoop, 1)], sku="SET")

    order = till.bought(("SET", 1))

    assert order.invoices.get().lines[0]["inside"] == [
        f"2 × {flakes.product.name}, {flakes.name}",
        f"1 × {scoop.product.name}, {scoop.name}",
    ]


@pytest.mark.parametrize("clash", ["order", "number", "refund"])
def test_the_database_refuses_a_second_document(clash: str, regions: None) -> None:
    order = make_paid_order()
    refund = make_refund(order)
    invoice, note = issue(order), credit(refund)
    copied = {"order": (invoice, "order"), "number": (invoice, "number"), "refund": (note, "refund")}
    row, name = copied[clash]
    fields = {field.attname: getattr(row, field.attname) for field in Invoice._meta.concrete_fields}
    del fields["id"]
    fields["code"] = "X-1"
    if clash != "number":
        fields["number"] = 99

    with pytest.raises(IntegrityError, match=f"orders_invoice_(one_per_)?{name}|refund_id"):
        Invoice.objects.create(**fields)

    assert Invoice.objects.count() == 2


@pytest.mark.race
def test_numbers_of_concurrent_buyers_have_neither_gap_nor_double(regions: None) -> None:
    orders = [make_paid_order() for _ in range(24)]
    broken = {order.pk for order in orders[::5]}

    def work(order: Order) -> None:
        with transaction.atomic():
            invoices.issue_invoice(Order.objects.get(pk=order.pk), at=AT)
            if order.pk in broken:
                transaction.set_rollback(True)

    assert at_once(work, orders) == []

    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == list(range(1, 24 - len(broken) + 1)), "a rollback gives its number back"
    assert InvoiceSeries.objects.get().last_number == len(numbers)


@pytest.mark.race
def test_control_without_the_lock_the_same_race_doubles_numbers(
    regions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is off here: everybody reads the same last number, and the constraint has to stop them."""
    orders = [make_paid_order() for _ in range(8)]
    issue(make_paid_order())
    met = threading.Barrier(8)

    def look(*_: Any) -> InvoiceSeries:
        series = InvoiceSeries.objects.get()
        met.wait(timeout=30)
        return series

    monkeypatch.setattr(issuing, "_locked_series", look)

    errors = at_once(lambda order: issue(order), orders)

    assert len(errors) == 7
    assert {type(error) for error in errors} == {IntegrityError}


def at_once(work: Callable[[Order], Any], orders: list[Order]) -> list[Exception]:
    """Run `work` for every order on connections of their own; return what was raised."""
    errors: list[Exception] = []

    def one(order: Order) -> None:
        try:
            work(order)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(one, orders))
    return errors
