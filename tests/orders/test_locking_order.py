"""An order and its payment are locked by one statement: the order first, and both as they are after the wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection

from orders import attempts, payments
from orders.models import Payment
from tests.factories.catalog import AT
from tests.factories.orders import make_order
from tests.waits import Waiter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

ORDER = "SELECT id FROM orders_order WHERE id = %s FOR UPDATE NOWAIT"
PAYMENT = "SELECT id FROM orders_payment WHERE id = %s FOR UPDATE NOWAIT"


@pytest.fixture
def payment() -> Payment:
    return Payment.objects.get(order=make_order())


def connect() -> psycopg.Connection:
    params = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{key: params[key] for key in wanted if key in params})


def locking(payment: Payment) -> Waiter:
    """Somebody who locks an order with its payment, and has to wait for it."""
    return Waiter(lambda: attempts.lock(payment))


@contextmanager
def waits_for(payment: Payment, *statements: tuple[str, int]) -> Iterator[Waiter]:
    """Somebody who waits, while the block runs, for another one who has carried out these statements."""
    with connect() as theirs:
        for statement, pk in statements:
            theirs.execute(statement, [pk])
        waiting = locking(payment)
        waiting.start()
        waiting.until_it_waits()
        yield waiting
        theirs.commit()
        waiting.join(10)


def is_free(statement: str, pk: int) -> bool:
    with connect() as third:
        try:
            third.execute(statement, [pk])
        except psycopg.errors.LockNotAvailable:
            return False
    return True


def test_who_waits_for_the_payment_has_the_order_already(payment: Payment) -> None:
    with waits_for(payment, (PAYMENT, payment.pk)):
        assert not is_free(ORDER, payment.order_id)


def test_who_waits_for_the_order_does_not_have_the_payment_yet(payment: Payment) -> None:
    with waits_for(payment, (ORDER, payment.order_id)):
        assert is_free(PAYMENT, payment.pk)


def test_the_other_way_round_the_payment_would_be_locked_first(
    payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the order of the names decides."""

    def reversed_lock(payment: Payment) -> Payment:
        rows = Payment.objects.select_related("order").select_for_update(of=("self", "order"))
        return rows.get(pk=payment.pk)

    monkeypatch.setattr(attempts, "lock", reversed_lock)

    with waits_for(payment, (ORDER, payment.order_id)):
        assert not is_free(PAYMENT, payment.pk)


def test_both_are_read_as_they_are_after_the_wait(payment: Payment) -> None:
    """Whoever is waited for changes both; a third changes the payment alone, which nobody has locked."""
    with waits_for(
        payment,
        ("UPDATE orders_order SET review_reason = 'theirs' WHERE id = %s", payment.order_id),
        ("UPDATE orders_payment SET intent_status = 'theirs' WHERE id = %s", payment.pk),
    ) as waiting:
        pass
    with waits_for(payment, (ORDER, payment.order_id)) as again, connect() as third:
        third.execute("UPDATE orders_payment SET intent_status = 'a third' WHERE id = %s", [payment.pk])
        third.commit()

    assert waiting.found is not None
    assert again.found is not None
    assert (waiting.found.order.review_reason, waiting.found.intent_status) == ("theirs", "theirs")
    assert (again.found.order.review_reason, again.found.intent_status) == ("theirs", "a third")
    assert waiting.found.order.payment is waiting.found


def test_an_intent_is_let_go_of_while_another_wants_the_order(
    payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note on the order's timeline touches the order too: neither waits for the other for ever."""
    waiting = locking(payment)
    real = payments.lifecycle.note

    def note(*args: Any, **kwargs: Any) -> Any:
        waiting.start()
        waiting.until_it_waits()
        return real(*args, **kwargs)

    monkeypatch.setattr(payments.lifecycle, "note", note)
    cancelled: Any = SimpleNamespace(id=payment.stripe_payment_intent_id, status="canceled")

    payments._let_go(payment, cancelled, at=AT)
    waiting.join(10)

    assert payment.stripe_payment_intent_id is None
    assert waiting.found is not None
    assert waiting.found.stripe_payment_intent_id is None
    assert payment.order.events.filter(kind="payment_reopened").count() == 1
