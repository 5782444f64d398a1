"""What happens when a bank asks for money back, or a card network warns of fraud."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import lifecycle, reconciler, refunds, settlement, stripe_reads
from orders.models import Dispute, FraudWarning, Order, Subscription, WebhookEvent
from orders.subscriptions import changes
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_oil, make_variant
from tests.stripe_side import StripeSide, post_event
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db
CARD_DISPUTED = "4000000000000259"
CARD_WARNED = "4000000000005423"
EVERY_FOUR_WEEKS = {"unit": "week", "count": 4}


def _mails(kind: str) -> int:
    return OutboxMessage.objects.filter(kind=kind).count()


def _decide(stripe_side: StripeSide, verdict: str) -> None:
    """The bank decides: the evidence says how, as at Stripe in test mode."""
    dispute = Dispute.objects.get()
    text = {"evidence[uncategorized_text]": f"{verdict}_evidence"}
    stripe_side.ask(f"/v1/disputes/{dispute.stripe_dispute_id}", text)
    limit = timezone.now() + timedelta(seconds=10)
    while stripe_reads.retrieve_dispute(dispute.stripe_dispute_id).status == "under_review":
        assert timezone.now() < limit


def test_a_disputed_payment_stops_the_parcel_and_tells_staff_until_when(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")

    order = till.bought(("FLK", 2), number=CARD_DISPUTED)

    dispute = Dispute.objects.get()
    assert (dispute.payment, dispute.amount, dispute.currency) == (order.payment, order.total, "GBP")
    assert (dispute.status, dispute.reason, dispute.closed_at) == ("needs_response", "fraudulent", None)
    assert dispute.evidence_due_at is not None
    assert (dispute.evidence_due_at - dispute.opened_at).days == 9
    assert (order.is_disputed, order.payment_status, order.may_ship) == (True, "paid", False)
    assert order.events.filter(kind="dispute").count() == 1
    mail = OutboxMessage.objects.get(kind="staff_dispute")
    assert f"{dispute.evidence_due_at:%-d %B %Y}" in mail.text
    assert f"{dispute.evidence_due_at:%-d %B %Y}" in mail.html
    assert order.reference in mail.subject
    assert order.payment.amount_lost == 0


def test_every_address_of_staff_is_told(till: Till, settings: Any) -> None:
    settings.STAFF_ALERT_EMAILS = ["one@shop.example", "two@shop.example"]
    make_variant(sku="FLK")

    till.bought(("FLK", 1), number=CARD_DISPUTED)

    told = OutboxMessage.objects.filter(kind="staff_dispute").values_list("to", flat=True)
    assert sorted(told) == ["one@shop.example", "two@shop.example"]


def test_five_copies_of_a_dispute_in_reverse_change_nothing(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)
    intent_id = order.payment.stripe_payment_intent_id or ""
    events = [event for event in stripe_side.events() if intent_id in json.dumps(event)]

    for event in list(reversed(events)) * 5:
        post_event(till.client, {**event, "id": f"{event['id']}_again"})
    work_off()

    assert Dispute.objects.count() == 1
    assert order.events.filter(kind="dispute").count() == 1
    assert order.events.filter(kind="paid").count() == 1
    assert _mails("staff_dispute") == 1


def test_a_dispute_that_is_heard_of_before_its_payment_finds_it_paid(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"], CARD_DISPUTED)

    stripe_side.deliver(till.client, only="charge.dispute.created")
    work_off()

    order = Order.objects.get()
    assert (order.status, order.payment_status, order.is_disputed) == ("placed", "paid", True)
    assert _mails("order_confirmation") == 1


def test_a_dispute_is_found_without_any_webhook(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"], CARD_DISPUTED)

    reconciler.check_disputes(at=timezone.now())
    reconciler.check_disputes(at=timezone.now())

    order = Order.objects.get()
    assert (order.payment_status, order.is_disputed) == ("paid", True)
    assert Dispute.objects.count() == _mails("staff_dispute") == 1
    assert not WebhookEvent.objects.exists()


def test_an_old_open_dispute_is_asked_about_by_itself(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    till.bought(("FLK", 1), number=CARD_DISPUTED)
    _decide(stripe_side, "losing")

    reconciler.check_disputes(at=timezone.now() + timedelta(days=80))

    assert Dispute.objects.get().status == "lost"


def test_a_dispute_that_is_won_lets_the_parcel_go(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)
    _decide(stripe_side, "winning")

    till.settle()

    order.refresh_from_db()
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.is_open) == ("won", False)
    assert dispute.closed_at is not None
    assert (order.is_disputed, order.may_ship, order.payment.amount_lost) == (False, True, 0)
    assert refunds.refundable(order.payment) == order.total


def test_a_dispute_that_is_lost_shows_the_loss_and_ships_nothing(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)
    _decide(stripe_side, "losing")

    till.settle()
    till.settle()

    order.refresh_from_db()
    assert (order.is_disputed, order.may_ship) == (False, False)
    assert order.payment.amount_lost == order.total
    assert "lost to a dispute" in order.review_reason
    assert order.payment_status == "paid", "money came; that it was taken back is the payment's to show"
    assert order.events.filter(kind="dispute").last().data["status"] == "lost"  # type: ignore[union-attr]
    assert _mails("refund") == 0


def test_a_read_made_before_the_verdict_does_not_open_the_dispute_again(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)
    stale = stripe_reads.retrieve_dispute(Dispute.objects.get().stripe_dispute_id)
    _decide(stripe_side, "winning")
    till.settle()

    settlement.observe_dispute(stale, at=timezone.now())

    order.refresh_from_db()
    assert (Dispute.objects.get().status, order.is_disputed) == ("won", False)


def test_money_that_the_bank_has_taken_is_not_refunded_as_well(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)

    with pytest.raises(refunds.NothingToRefund):
        refunds.request_refund(order, reason="sorry", actor=None, at=timezone.now())


def test_a_dispute_of_part_leaves_the_rest_to_refund(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 2))
    _open_dispute(stripe_side, order, amount=500)
    till.settle()

    assert refunds.refundable(order.payment) == order.total - 500


def test_the_customers_refills_rest_until_staff_resume_them(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    make_oil(sku="OIL")
    order = till.bought(("FLK", 1, EVERY_FOUR_WEEKS), ("OIL", 1, EVERY_FOUR_WEEKS))
    stranger = till.bought(("FLK", 1, EVERY_FOUR_WEEKS), email="bea@buyer.example")
    _open_dispute(stripe_side, order)
    till.settle()

    theirs = Subscription.objects.filter(customer=order.customer)
    assert [(row.status, row.status_reason) for row in theirs] == [("paused", "dispute")] * 2
    assert Subscription.objects.get(customer=stranger.customer).status == "active"
    assert _mails("subscription_changed") == 2
    with pytest.raises(changes.HaltedByDispute):
        changes.resume(theirs[0], at=timezone.now())
    changes.resume_due(at=timezone.now() + timedelta(days=400))
    assert theirs.filter(status="active").count() == 0

    changes.resume(theirs[0], at=timezone.now(), by_staff=True)
    reconciler.check_disputes(at=timezone.now())

    assert theirs.filter(status="active").count() == 1, "what staff resumed stays resumed"
    assert theirs.filter(status="cancelled").count() == 0


def test_an_early_fraud_warning_holds_the_parcel_once(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")

    order = till.bought(("FLK", 1), number=CARD_WARNED)

    warning = FraudWarning.objects.get()
    assert (warning.payment, warning.fraud_type, warning.is_actionable) == (
        order.payment, "made_with_stolen_card", True,
    )  # fmt: skip
    assert (order.may_ship, order.is_disputed) == (False, False)
    assert order.review_reason == "Early fraud warning: made with stolen card"
    assert order.events.filter(kind="fraud_warning").count() == 1
    assert _mails("staff_fraud_warning") == 1
    staff = User.objects.create_superuser("staff@shop.example", "secret-words-9")
    lifecycle.finish_review(order, finding="known customer", actor=staff, at=timezone.now())

    stripe_side.deliver(till.client, only="radar.", again=True)
    reconciler.check_disputes(at=timezone.now())

    order.refresh_from_db()
    assert (order.review_reason, order.may_ship) == ("", True), "a copy does not hold it again"
    assert FraudWarning.objects.count() == _mails("staff_fraud_warning") == 1


def test_a_fraud_warning_is_found_without_any_webhook(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"], CARD_WARNED)

    reconciler.check_disputes(at=timezone.now())

    order = Order.objects.get()
    assert (order.payment_status, order.may_ship) == ("paid", False)
    assert FraudWarning.objects.count() == 1


def test_a_warning_leaves_an_earlier_reason_for_a_review_in_place(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    Order.objects.update(review_reason="odd address")
    found = stripe_reads.FraudWarning(
        "issfr_1", order.payment.stripe_payment_intent_id or "", "misc", True, False, timezone.now()
    )

    settlement.observe_warning(found, at=timezone.now())

    assert Order.objects.get().review_reason == "odd address; Early fraud warning: misc"


@pytest.mark.parametrize("lie", ["another mode", "another intent"])
def test_a_dispute_that_is_none_of_ours_changes_nothing(till: Till, lie: str) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    intent_id = order.payment.stripe_payment_intent_id or ""
    found = stripe_reads.Dispute(
        id="du_1", payment_intent_id="" if lie == "another intent" else intent_id, amount=order.total,
        currency="GBP", reason="fraudulent", status="lost", livemode=lie == "another mode",
        evidence_due_at=None, opened_at=datetime(2026, 11, 23, tzinfo=UTC),
    )  # fmt: skip

    assert settlement.observe_dispute(found, at=timezone.now()) is None

    order.refresh_from_db()
    assert (order.is_disputed, order.payment.amount_lost, order.review_reason) == (False, 0, "")
    assert not Dispute.objects.exists()


@pytest.mark.parametrize(
    ("status", "payment_status", "review", "disputed", "ships"),
    [
        ("placed", "paid", "", False, True),
        ("placed", "partially_refunded", "", False, True),
        ("placed", "refunded", "", False, False),
        ("placed", "paid", "look", False, False),
        ("placed", "paid", "", True, False),
        ("pending", "unpaid", "", False, False),
        ("cancelled", "paid", "", False, False),
    ],
)
def test_what_may_ship(status: str, payment_status: str, review: str, disputed: bool, ships: bool) -> None:
    order = Order(status=status, payment_status=payment_status, review_reason=review, is_disputed=disputed)

    assert order.may_ship is ships


def test_the_order_page_says_until_when_and_what_to_do_next(
    till: Till, stripe_side: StripeSide, admin_client: Client
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1), number=CARD_DISPUTED)

    page = admin_client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    listed = admin_client.get("/admin/orders/dispute/").content.decode()
    payment = admin_client.get(f"/admin/orders/payment/{order.payment.pk}/change/").content.decode()

    for shown in (page, listed, payment):
        assert "Stripe&#x27;s dashboard before the deadline" in shown
    assert "answer until" in page
    assert "create intent" in payment


def _open_dispute(stripe_side: StripeSide, order: Order, **more: Any) -> None:
    stripe_side.control("dispute", payment_intent=order.payment.stripe_payment_intent_id, **more)
