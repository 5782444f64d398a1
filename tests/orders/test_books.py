"""The nightly comparison: what is right is not listed, and each kind of fault is, with its control."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import StockLevel, StockReservation
from orders import books, payments, reconciler, refunds, stripe_gateway, tasks
from orders.books import run as running
from orders.models import (
    BillingCycle,
    Dispute,
    Order,
    Payment,
    PaymentAttempt,
    ReconciliationDifference,
    ReconciliationRun,
    StripeRefund,
    Subscription,
    WebhookEvent,
)
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.stripe_side import CARD_DECLINED, StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(minutes=30)


@pytest.fixture
def stripe_side(stripe_side: StripeSide) -> StripeSide:
    """A Stripe that knows nothing of the orders of other tests."""
    requests.post(f"{stripe_side.url}/_test/reset", timeout=10)
    return stripe_side


@pytest.fixture
def shop(till: Till) -> Till:
    make_variant(sku="FLK", stock=20, prices={"GBP": 1195})
    return till


def audit(*, everything: bool = False, after: timedelta = LATER) -> ReconciliationRun:
    at = timezone.now() + after
    return books.audit(books.open_run(at=at, everything=everything), at=at)


def found(**options: Any) -> list[tuple[str, str]]:
    """Return (kind, severity) of everything that a run lists."""
    rows = audit(**options).differences.order_by("kind")
    return list(rows.values_list("kind", "severity"))


def pay_beside_the_shop(stripe: StripeSide, reference: str, amount: int = 2785) -> dict[str, Any]:
    """Take money at Stripe in an order's name, without the shop."""
    form = {
        "amount": str(amount), "currency": "gbp", "confirm": "true", "payment_method": "pm_card_visa",
        "automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never",
    }  # fmt: skip
    return stripe.ask(
        "/v1/payment_intents", {**form, **({"metadata[order_id]": reference} if reference else {})}
    )


@pytest.mark.parametrize("everything", [False, True])
def test_after_sales_declines_refunds_and_refills_the_books_agree(shop: Till, everything: bool) -> None:
    paid, at = shop.bought(("FLK", 2)), timezone.now()
    refund = refunds.request_refund(paid, amount=250, reason="torn", actor=None, at=at)
    reconciler.send_refund(refund.pk, at=at)
    shop.bought(("FLK", 1, {"unit": "week", "count": 4}))
    shop.stripe.pay(shop.order(("FLK", 1))["payment"]["client_secret"], CARD_DECLINED)
    shop.settle()

    run = audit(everything=everything)

    assert list(run.differences.values_list("kind", "explanation")) == []
    assert (run.status, run.steps_done) == ("clean", list(books.STEPS))
    assert {"intents": 3, "charges": 3, "refunds": 1}.items() <= run.compared.items()
    assert not OutboxMessage.objects.filter(kind="staff_books").exists()


def test_money_whose_news_never_came_is_listed_and_not_mended(shop: Till) -> None:
    placed = shop.order(("FLK", 1))
    shop.stripe.pay(placed["payment"]["client_secret"])

    run = audit()

    row = run.differences.get()
    assert (row.kind, row.severity, row.here, row.there) == ("paid_at_stripe_only", "critical", 0, 1590)
    assert row.order is not None
    assert row.order.reference == placed["reference"]
    assert Order.objects.get().payment_status == "unpaid"
    mail = OutboxMessage.objects.get(kind="staff_books")
    assert placed["reference"] in mail.text
    assert row.advice in mail.text


def test_money_that_came_a_moment_ago_is_no_difference_yet(shop: Till) -> None:
    shop.stripe.pay(shop.order(("FLK", 1))["payment"]["client_secret"])

    assert found(after=timedelta(minutes=1)) == []


def test_a_charge_in_the_name_of_an_order_that_is_paid_is_a_second_payment(shop: Till) -> None:
    order = shop.bought(("FLK", 2))
    second = pay_beside_the_shop(shop.stripe, order.reference)

    row = audit().differences.get()

    assert (row.kind, row.severity, row.subject) == ("second_intent", "critical", second["id"])
    assert row.order == order


def test_money_for_an_order_that_is_not_here_and_money_for_none_are_told_apart(shop: Till) -> None:
    pay_beside_the_shop(shop.stripe, "NEVERWAS00")
    pay_beside_the_shop(shop.stripe, "")

    assert found() == [("foreign_money", "notice"), ("unknown_order", "critical")]


def test_an_unpaid_second_intent_is_a_warning(shop: Till) -> None:
    order = shop.bought(("FLK", 1))
    form = {"amount": "1590", "currency": "gbp", "metadata[order_id]": order.reference}
    shop.stripe.ask("/v1/payment_intents", {**form, "automatic_payment_methods[enabled]": "true"})

    assert found() == [("second_intent", "warning")]


def test_a_refund_made_in_the_dashboard_is_listed_until_its_webhook_came(shop: Till) -> None:
    order = shop.bought(("FLK", 2))
    shop.stripe.refund_in_dashboard(order.payment.stripe_payment_intent_id or "", 300)

    assert found() == [("refund_at_stripe_only", "critical"), ("refunded_sum", "critical")]
    assert not StripeRefund.objects.exists()

    shop.settle()
    assert found() == []


def test_a_refund_that_only_we_believe_in_is_listed(shop: Till) -> None:
    order = shop.bought(("FLK", 1))
    StripeRefund.objects.create(
        payment=order.payment, stripe_refund_id="re_invented", amount=100, currency="GBP", status="succeeded",
        requested_at=timezone.now(),
    )  # fmt: skip
    Payment.objects.update(amount_refunded=100)
    Order.objects.update(payment_status="partially_refunded")

    assert found() == [("refund_not_at_stripe", "critical"), ("refunded_sum", "critical")]


def test_a_dispute_is_listed_until_it_is_known_here_as_it_stands_at_stripe(shop: Till) -> None:
    order = shop.bought(("FLK", 1))
    shop.stripe.control("dispute", payment_intent=order.payment.stripe_payment_intent_id)

    assert ("dispute_at_stripe_only", "critical") in found()
    assert not Dispute.objects.exists()
    shop.settle()
    assert found() == []
    Dispute.objects.update(amount=1)
    assert found() == [("dispute", "warning")]
    Dispute.objects.update(amount=order.total, stripe_dispute_id="dp_unheard_of")
    assert found() == [("dispute_at_stripe_only", "critical"), ("dispute_not_at_stripe", "critical")]


def test_a_refund_that_waits_for_an_answer_is_listed_after_an_hour(shop: Till) -> None:
    order = shop.bought(("FLK", 1))
    refunds.request_refund(order, amount=100, reason="late", actor=None, at=timezone.now())

    assert found() == []
    assert ("refund_waits", "warning") in found(after=timedelta(hours=2))


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        ({"amount": 1589}, {"amount", "order_and_payment_amount"}),
        ({"amount_received": 1589}, {"received"}),
        ({"stripe_payment_intent_id": "pi_invented"}, {"not_at_stripe", "second_intent"}),
        (
            {"stripe_payment_intent_id": None},
            {"not_at_stripe", "intent_not_known_here", "paid_at_stripe_only"},
        ),
        ({"succeeded_at": None}, {"paid_at_stripe_only", "order_paid_without_payment"}),
        ({"amount_refunded": 5}, {"refunded_sum", "order_refund_status"}),
        ({"currency": "EUR"}, {"currency", "order_and_payment_amount"}),
    ],
)
def test_a_payment_row_that_is_wrong_is_noticed(shop: Till, wrong: dict[str, Any], kinds: set[str]) -> None:
    shop.bought(("FLK", 1))
    assert found() == [], "the control: right before it is made wrong"
    Payment.objects.update(**wrong)

    assert {kind for kind, _ in found()} == kinds


def test_a_payment_here_that_stripe_never_received_is_noticed(shop: Till) -> None:
    shop.order(("FLK", 1))
    order = Order.objects.get()
    now = timezone.now()
    Payment.objects.update(succeeded_at=now, amount_received=order.total)
    Order.objects.update(payment_status="paid", status="placed", paid_at=now)

    kinds = {kind for kind, _ in found()}

    assert kinds == {"paid_here_only", "paid_without_stock"}


def test_an_order_that_lost_its_payment_status_is_noticed(shop: Till) -> None:
    shop.bought(("FLK", 1))
    Order.objects.update(payment_status="unpaid")

    kinds = {kind for kind, _ in found()}

    assert kinds == {"payment_without_paid_order", "stock_for_nobody"}


def test_money_kept_of_a_cancelled_order_is_noticed(shop: Till) -> None:
    shop.bought(("FLK", 1))
    Order.objects.update(status="cancelled")

    assert ("payment_without_paid_order", "critical") in found()


def test_a_live_order_with_a_test_intent_is_noticed(shop: Till) -> None:
    shop.bought(("FLK", 1))
    Order.objects.update(is_test=False)

    assert found() == [("mode", "critical")]


def test_an_intent_cancelled_at_stripe_leaves_its_order_listed(shop: Till) -> None:
    placed = shop.order(("FLK", 1))
    intent_id = placed["payment"]["client_secret"].split("_secret_")[0]
    shop.stripe.ask(f"/v1/payment_intents/{intent_id}/cancel", {})

    assert found() == [("cancelled_at_stripe_only", "warning")]


def test_a_paid_order_without_its_goods_is_noticed(shop: Till) -> None:
    shop.bought(("FLK", 3))
    StockReservation.objects.update(status="released")
    StockLevel.objects.update(reserved=0)

    row = audit().differences.get()

    assert (row.kind, row.here, row.there) == ("paid_without_stock", 0, 3)


def test_stock_that_disagrees_with_its_ledger_is_noticed(shop: Till) -> None:
    StockLevel.objects.update(on_hand=19)

    assert {kind for kind, _ in found()} == {"stock_count"}


def test_a_subscription_without_an_open_cycle_is_noticed(shop: Till) -> None:
    shop.bought(("FLK", 1, {"unit": "week", "count": 4}))
    assert found() == []
    BillingCycle.objects.update(status="cancelled", closed_at=timezone.now())

    assert found() == [("cycles", "critical")]

    Subscription.objects.update(status="cancelled", cancelled_at=timezone.now())
    assert found() == []


def test_work_that_is_left_undone_is_noticed_only_when_it_is_late(shop: Till) -> None:
    shop.order(("FLK", 1))
    OutboxMessage.objects.create(
        kind="refund", subject_key="order:X", to="ada@shop.example", subject="Refund", text="-", html="-",
        message_id="<x@shop.example>", next_attempt_at=timezone.now(), created_at=timezone.now(),
    )  # fmt: skip
    WebhookEvent.objects.create(
        event_id="evt_1", type="payment_intent.succeeded", payload={}, received_at=timezone.now(),
        next_attempt_at=timezone.now(),
    )  # fmt: skip
    PaymentAttempt.objects.update(outcome="unknown", finished_at=None)

    early, late = found(after=timedelta(minutes=5)), found(after=timedelta(hours=3))

    assert early == []
    assert [kind for kind, _ in late] == [
        "attempt_unresolved", "event_unprocessed", "mail_waits", "order_not_ended",
    ]  # fmt: skip


def test_an_old_open_payment_is_compared_however_old_it_is(shop: Till) -> None:
    placed = shop.order(("FLK", 1))
    shop.stripe.pay(placed["payment"]["client_secret"])
    Payment.objects.update(created_at=timezone.now() - timedelta(days=30))

    assert ("paid_at_stripe_only", "critical") in found(after=timedelta(days=10))


def test_a_run_that_is_interrupted_goes_on_after_the_steps_that_are_done(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay_beside_the_shop(shop.stripe, "NEVERWAS00")
    at = timezone.now() + LATER
    run = books.open_run(at=at)
    asked = []

    def silent(since: object, **_: object) -> Any:
        asked.append(since)
        raise stripe_gateway.OutcomeUnknown("timeout")

    with monkeypatch.context() as patch:
        patch.setattr(stripe_gateway, "list_refunds_since", silent)
        with pytest.raises(stripe_gateway.OutcomeUnknown):
            books.audit(run, at=at)
    run.refresh_from_db()
    assert (run.status, run.steps_done) == ("open", ["intents", "charges", "open payments"])
    assert run.last_error == "refunds: OutcomeUnknown: timeout"

    monkeypatch.setitem(books.STEPS, "intents", silent)
    books.audit(run, at=at)

    assert len(asked) == 1, "what is done is not asked again"
    assert run.differences.count() == 1
    assert run.status == "different"


def test_two_workers_never_work_at_one_run(shop: Till) -> None:
    run = books.open_run(at=shop.at)
    ReconciliationRun.objects.update(locked_until=timezone.now() + timedelta(minutes=1))

    with pytest.raises(books.Busy):
        books.audit(run, at=shop.at)

    ReconciliationRun.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert books.audit(run, at=shop.at).finished_at is not None
    with pytest.raises(books.Busy):
        books.audit(run, at=shop.at)


def test_the_night_is_worked_off_once_however_often_the_task_is_woken(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = timezone.now().replace(hour=2, minute=30)
    assert books.nightly(at=night) is None
    morning = night.replace(hour=4)
    monkeypatch.setattr(tasks.reading, "now", lambda: morning)

    for _ in range(3):
        tasks.audit_books()

    run = ReconciliationRun.objects.get()
    assert run.night_of == morning.date()
    assert run.status == "clean"
    assert books.nightly(at=morning + timedelta(days=1)) is not None


def test_a_difference_keeps_the_day_on_which_it_was_first_listed(shop: Till) -> None:
    pay_beside_the_shop(shop.stripe, "NEVERWAS00")
    first, second = audit(), audit(after=timedelta(days=1))

    known = second.differences.get(kind="unknown_order").known_since
    assert known == first.differences.get().known_since
    mail = second.differences.get(kind="mail_waits")
    assert mail.known_since > known, "our own mail about it was not sent for a day: that is new"


def test_more_than_a_page_at_stripe_is_read_to_the_end(shop: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    list_page = stripe_gateway._list
    sizes = []

    def two_at_a_time(kind: str, params: dict[str, Any], mood: Any) -> Any:
        sizes.append(kind)
        return list_page(kind, {**params, "limit": 2}, mood)

    monkeypatch.setattr(stripe_gateway, "_list", two_at_a_time)
    for number in range(5):
        pay_beside_the_shop(shop.stripe, f"NEVERWAS0{number}")

    assert found() == [("unknown_order", "critical")] * 5
    assert sizes.count("charges") == 3


def test_a_fault_of_a_thousand_rows_is_listed_in_part_and_counted(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LISTED_OF_A_KIND", 2)
    for number in range(3):
        pay_beside_the_shop(shop.stripe, f"NEVERWAS0{number}")

    assert ("more", "warning") in found()


def test_every_kind_has_its_advice() -> None:
    assert set(books.Kind) == set(books.findings.KINDS)


def test_the_command_exits_one_and_says_what_to_do(shop: Till) -> None:
    out = StringIO()
    call_command("audit_books", "--all", stdout=out)
    assert "The books agree." in out.getvalue()
    StockLevel.objects.update(on_hand=19)

    with pytest.raises(SystemExit) as ended:
        call_command("audit_books", stdout=out)

    assert ended.value.code == 1
    assert "on hand" in out.getvalue()
    assert "Count the shelf" in out.getvalue()


def test_a_run_and_its_differences_are_shown_within_twelve_queries(
    shop: Till, admin_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    orders = [shop.bought(("FLK", 1)) for _ in range(3)]
    for order in orders:
        pay_beside_the_shop(shop.stripe, order.reference)
    run = audit()
    page = reverse("admin:orders_reconciliationrun_change", args=[run.pk])
    rows = reverse("admin:orders_reconciliationdifference_changelist")

    with django_assert_max_num_queries(12):
        shown = admin_client.get(page).content.decode()
    with django_assert_max_num_queries(12):
        listed = admin_client.get(rows).content.decode()

    assert all(order.reference in shown and order.reference in listed for order in orders)
    assert "£27.85" in shown
    assert ReconciliationDifference.objects.count() == 3


def test_an_order_tells_of_everything_that_its_payment_went_through(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = shop.order(("FLK", 1))
    order = Order.objects.get()
    secret = placed["payment"]["client_secret"]
    shop.stripe.pay(secret, CARD_DECLINED)
    shop.settle()
    shop.stripe.pay(secret, "4000000000003220")
    shop.settle()
    shop.stripe.authenticate(secret)
    shop.settle()
    refund = refunds.request_refund(order, amount=100, reason="torn", actor=None, at=shop.at)

    def refuse(**_: object) -> Any:
        raise stripe_gateway.Refused("charge_disputed", "", "no", None)

    with monkeypatch.context() as patch:
        patch.setattr(stripe_gateway, "create_refund", refuse)
        for _ in range(2):
            reconciler.send_refund(refund.pk, at=shop.at)

    kinds = list(order.events.values_list("kind", flat=True))

    assert kinds == [
        "placed", "declined", "payment_requires_action", "paid", "invoiced", "refund_requested", "refund_refused",
        "review",
    ]  # fmt: skip
    assert OutboxMessage.objects.filter(kind="staff_review").count() == 1


def test_a_call_without_an_answer_is_told_once_however_often_it_is_tried(
    shop: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> Any:
        raise stripe_gateway.OutcomeUnknown("timeout")

    with monkeypatch.context() as patch:
        patch.setattr(stripe_gateway, "create_intent", silent)
        shop.check_out(shop.cart(("FLK", 1)))
        order = Order.objects.get()
        for _ in range(3):
            with pytest.raises(payments.PaymentUnavailable):
                payments.open_intent(order, at=shop.at, mood=stripe_gateway.TILL)

    assert list(order.events.values_list("kind", flat=True)) == ["placed", "attempt_unknown"]
