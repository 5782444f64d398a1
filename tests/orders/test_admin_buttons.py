"""The buttons of an order and of its records: they ask first, call one verb and say what came of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from orders import refunds
from orders.models import Order, StripeRefund
from shop.accounts.models import User
from shop.mail import tasks
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import make_event, make_order, make_paid_order
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff() -> User:
    return User.objects.create_superuser("boss@shop.example", "pw")


@pytest.fixture
def desk(staff: User) -> Client:
    """Staff's browser."""
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Mails that a worker was woken for."""
    woken: list[int] = []
    monkeypatch.setattr(tasks.deliver_message, "apply_async", lambda args, **_: woken.append(*args))
    return woken


def page(order: Order, button: str = "change") -> str:
    if button == "change":
        return reverse("admin:orders_order_change", args=[order.pk])
    return reverse(f"admin:orders_order_{button}", args=[order.pk])


def press(desk: Client, order: Order, button: str, **typed: object) -> str:
    """Answer a button's question and return the page that follows."""
    return desk.post(page(order, button), typed, follow=True).content.decode()


def test_a_refund_by_line_goes_to_stripe_and_onto_the_timeline(till: Till, desk: Client, staff: User) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    line = order.lines.get()
    left = refunds.refundable(order.payment)

    said = press(
        desk, order, "refund_part", expected_left=left, reason="torn", **{f"line_{line.pk}": 1},
        with_shipping="on",
    )  # fmt: skip

    refund = StripeRefund.objects.get()
    order.refresh_from_db()
    assert "£17.90 went back to the customer." in said
    assert (refund.amount, refund.shipping_amount, refund.status) == (1790, 595, "succeeded")
    assert (refund.requested_by, refund.reason) == (staff, "torn")
    assert order.payment_status == "partially_refunded"
    assert order.events.get(kind="refund_requested").actor == staff


def test_a_form_sent_twice_refunds_once(till: Till, desk: Client) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 1))
    typed = {"expected_left": refunds.refundable(order.payment), "reason": "late", "amount": "2.50"}

    press(desk, order, "refund_part", **typed)
    said = press(desk, order, "refund_part", **typed)

    assert "Something was refunded meanwhile" in said
    assert StripeRefund.objects.get().amount == 250


def test_everything_left_goes_back_at_once(till: Till, desk: Client) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 1))

    press(desk, order, "refund_rest", expected_left=1590, reason="customer changed their mind")

    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert StripeRefund.objects.get().amount == 1590
    assert "refund_rest" not in desk.get(page(order)).content.decode()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Say what to refund"),
        ({"amount": "1.00", "with_shipping": "on"}, "not both"),
        ({"amount": "1.005"}, "2 decimal places"),
        ({"amount": "500.00"}, "At most £28.95 can be refunded."),
        ({"amount": "1.00", "reason": ""}, "This field is required."),
    ],
)
def test_a_refund_form_says_what_is_wrong_and_writes_nothing(
    typed: dict[str, str], words: str, desk: Client
) -> None:
    order = make_paid_order()

    said = press(desk, order, "refund_part", **{"expected_left": 2895, "reason": "torn", **typed})

    assert words in said
    assert not StripeRefund.objects.exists()


def test_looking_at_a_question_does_nothing(desk: Client) -> None:
    order = make_paid_order(review_reason="odd")

    for button in ("refund_rest", "refund_part", "cancel_order", "finish_review", "ask_stripe"):
        assert desk.get(page(order, button)).status_code == 200

    assert not StripeRefund.objects.exists()
    assert order.events.count() == 2


def test_staff_who_may_only_look_cannot_move_money(db: None) -> None:
    looker = User.objects.create_user("looker@shop.example", "pw", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_order"))
    client, order = Client(), make_paid_order()
    client.force_login(looker)

    shown = client.get(page(order)).content.decode()
    answer = client.post(page(order, "refund_rest"), {"expected_left": 2895, "reason": "mine"})

    assert "refund_rest" not in shown
    assert "ask_stripe" in shown
    assert answer.status_code == 403
    assert not StripeRefund.objects.exists()


def test_an_unpaid_order_is_cancelled_at_stripe_and_here(
    till: Till, desk: Client, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    placed = till.order(("FLK", 1))
    order = Order.objects.get(reference=placed["reference"])

    said = press(desk, order, "cancel_order", reason="asked on the phone")

    order.refresh_from_db()
    assert f"Order {order.reference} is cancelled" in said
    assert order.status == "cancelled"
    assert stripe_side.intent(order.payment.stripe_payment_intent_id or "")["status"] == "canceled"


def test_a_cancel_that_meets_a_payment_lets_the_order_stand(
    till: Till, desk: Client, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    order = Order.objects.get(reference=placed["reference"])

    press(desk, order, "cancel_order", reason="asked on the phone")

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("placed", "paid")


def test_asking_stripe_finds_a_payment_whose_news_was_lost(
    till: Till, desk: Client, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    order = Order.objects.get(reference=placed["reference"])

    said = press(desk, order, "ask_stripe")

    assert "Stripe says: succeeded. The order is paid." in said


def test_a_stripe_that_does_not_answer_is_told_in_words(desk: Client, settings: object) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    settings.STRIPE_BACKGROUND_RETRIES = 0  # type: ignore[attr-defined]
    order = make_order()

    said = press(desk, order, "ask_stripe")

    assert "does not answer" in said


def test_a_review_is_finished_with_what_was_found(desk: Client, staff: User) -> None:
    order = make_paid_order(review_reason="live and test mode are mixed")

    press(desk, order, "finish_review", finding="Wrong key for an hour, money is here.")

    order.refresh_from_db()
    event = order.events.get(kind="review_cleared")
    assert order.review_reason == ""
    assert (event.actor, event.message) == (staff, "Review finished: Wrong key for an hour, money is here.")


def test_a_confirmation_goes_again_as_a_copy_with_a_name_on_it(
    desk: Client, staff: User, nudged: list[int]
) -> None:
    order = make_paid_order()
    mail = _mail(kind="order_confirmation", subject_key=f"order:{order.reference}", status="sent", sent_at=AT)

    press(desk, order, "send_confirmation")

    copy = OutboxMessage.objects.get(copy_of=mail)
    assert (copy.status, copy.occasion, copy.requested_by, copy.text) == (
        "pending",
        "copy-1",
        staff,
        mail.text,
    )
    assert copy.message_id != mail.message_id
    assert nudged == [copy.pk]
    assert order.events.get(kind="confirmation_resent").actor == staff
    mail.refresh_from_db()
    assert mail.status == "sent"


def test_a_copy_that_waits_is_not_doubled_by_a_second_click(desk: Client, nudged: list[int]) -> None:
    order = make_paid_order()
    _mail(kind="order_confirmation", subject_key=f"order:{order.reference}", status="sent", sent_at=AT)
    press(desk, order, "send_confirmation")

    page = press(desk, order, "send_confirmation")

    assert "on its way already" in page
    assert OutboxMessage.objects.count() == 2


def test_a_mail_that_waits_for_tomorrow_is_tried_now(desk: Client, nudged: list[int]) -> None:
    waits = _mail(subject_key="order:A", next_attempt_at=AT + timedelta(days=300), message_id="<a@x>")
    given_up = _mail(subject_key="order:B", status="failed", message_id="<b@x>")
    sent = _mail(subject_key="order:C", status="sent", sent_at=AT, message_id="<c@x>")

    desk.post(
        reverse("admin:mail_outboxmessage_changelist"),
        {"action": "send_now", "_selected_action": [waits.pk, given_up.pk, sent.pk]},
    )

    assert sorted(nudged) == [waits.pk, given_up.pk]
    assert OutboxMessage.objects.get(pk=waits.pk).next_attempt_at < waits.next_attempt_at
    assert OutboxMessage.objects.get(pk=given_up.pk).status == "pending"
    assert OutboxMessage.objects.get(pk=sent.pk).status == "sent"


def test_an_event_is_worked_off_again(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(
        "orders.tasks.process_webhook_event.apply_async", lambda args, **_: woken.append(*args)
    )
    event = make_event()

    desk.post(
        reverse("admin:orders_webhookevent_changelist"),
        {"action": "work_off_again", "_selected_action": [event.pk]},
    )

    event.refresh_from_db()
    assert event.processed_at is None
    assert woken == [event.pk]


def _mail(**fields: object) -> OutboxMessage:
    defaults = {
        "kind": "refund", "to": "ada@shop.example", "subject": "-", "text": "-", "html": "-",
        "message_id": "<1@shop.example>", "next_attempt_at": AT, "created_at": AT,
    }  # fmt: skip
    return OutboxMessage.objects.create(**{**defaults, **fields})
