"""Which events are done as they arrive: only what we know for good, and what nobody deals with."""

import psycopg
import pytest
from django.db import connection

from orders import events
from orders.models import Payment, WebhookEvent
from tests.factories.orders import make_order, make_paid_order


def arrives(kind: str, object_id: str | None, *, livemode: bool = False) -> bool:
    """Return whether an event is done as it arrives."""
    event = WebhookEvent(type=kind, object_id=object_id or "", payload={"livemode": livemode})
    return events.teaches_nothing(event)


@pytest.mark.django_db
def test_money_that_is_here_needs_no_second_look_whatever_is_said_of_its_intent() -> None:
    paid, waiting = make_paid_order().payment.stripe_payment_intent_id, make_order().payment
    kinds = ["created", "processing", "payment_failed", "canceled", "succeeded"]

    assert [arrives(f"payment_intent.{kind}", paid) for kind in kinds] == [True] * 5
    known = [arrives(f"payment_intent.{kind}", waiting.stripe_payment_intent_id) for kind in kinds]
    assert known == [True, False, False, False, False]
    assert [arrives(f"payment_intent.{kind}", "pi_unheard_of") for kind in kinds] == [False] * 5
    assert [arrives(f"payment_intent.{kind}", None) for kind in kinds] == [False] * 5
    assert [arrives(f"payment_intent.{kind}", paid, livemode=True) for kind in kinds] == [False] * 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind",
    [
        "charge.refunded", "charge.refund.updated", "refund.created", "refund.failed",
        "charge.dispute.created", "charge.dispute.closed", "radar.early_fraud_warning.created",
        "payment_method.detached", "setup_intent.succeeded", "customer.deleted", "payout.paid",
    ],
)  # fmt: skip
def test_what_is_said_of_money_that_is_here_is_looked_at(kind: str) -> None:
    """Also where an event carries the id of the intent itself."""
    assert arrives(kind, make_paid_order().payment.stripe_payment_intent_id) is False


@pytest.mark.django_db
def test_what_nobody_deals_with_is_done() -> None:
    assert arrives("invoice.created", "in_1") is True
    assert arrives("invoice.created", "in_1", livemode=True) is False, "it is kept, and says so"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_what_another_has_not_committed_yet_is_not_known() -> None:
    """An event of the very payment that is settled this moment: if that is undone, the event is all there is."""
    payment = make_order().payment
    Payment.objects.filter(pk=payment.pk).update(stripe_payment_intent_id=None)
    params = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    written = (
        "UPDATE orders_payment SET stripe_payment_intent_id = 'pi_1', succeeded_at = now() WHERE id = %s"
    )
    with psycopg.connect(**{key: params[key] for key in wanted if key in params}) as settling:
        settling.execute(written, [payment.pk])
        before = [arrives(f"payment_intent.{kind}", "pi_1") for kind in ("created", "succeeded")]
        settling.commit()
    after = [arrives(f"payment_intent.{kind}", "pi_1") for kind in ("created", "succeeded")]

    assert before == [False, False]
    assert after == [True, True]
