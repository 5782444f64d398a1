"""A tax service behind the interface: asked over the network before the transaction, never in it, and its answer
used for the cart that it was asked about and for no other.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from orders import taxes
from orders.models import Cart, Order, PaymentAttempt
from orders.taxes import Tax, TaxQuestion, TaxUnavailable
from tests.factories.catalog import make_variant
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)


class Remote:
    """A service that is asked over a network, played here; it notes what it was asked, and within what."""

    is_remote = True
    questions: list[TaxQuestion] = []
    transactions: list[bool] = []
    meanwhile: Callable[[], None] | None = None
    is_down = False

    def rates(self, question: TaxQuestion) -> Mapping[str, Tax]:
        Remote.questions.append(question)
        Remote.transactions.append(connection.in_atomic_block)
        if Remote.is_down:
            raise TaxUnavailable("The tax service does not answer. Try again in a moment.", retry_after=5)
        if Remote.meanwhile is not None:
            Remote.meanwhile()
        return {"standard": Tax("VAT", Decimal("10")), "shipping": Tax("VAT", Decimal("0"))}


@pytest.fixture(autouse=True)
def remote(settings: Any) -> Iterator[type[Remote]]:
    settings.TAX_SERVICE = "tests.orders.test_tax_service.Remote"
    Remote.questions, Remote.transactions, Remote.meanwhile, Remote.is_down = [], [], None, False
    yield Remote
    Remote.meanwhile = None


def test_its_rates_are_those_of_the_order_and_no_transaction_waits_for_it(
    till: Till, remote: type[Remote]
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1100})
    token = till.cart(("FLK", 1))
    total = till.total(token)
    before = len(remote.questions)

    answer = till.check_out(token, total=total)

    order = Order.objects.get()
    assert answer.status_code == 201
    assert len(remote.questions) == before + 1, "one question for one checkout"
    assert not any(remote.transactions)
    assert (order.lines.get().tax, order.shipping_tax, order.total) == (100, 0, 1495)
    asked = remote.questions[-1]
    assert (asked.country, asked.postal_code, asked.shipping_amount) == ("GB", "LS1 4AP", 395)
    assert [(line.sku, line.quantity, line.amount) for line in asked.goods] == [("FLK", 1, 1100)]


@pytest.mark.parametrize(
    "change",
    [
        {"shipping_method": "tracked_fast"},
        {"shipping_address": {"postal_code": "BT1 5GS", "city": "Belfast"}},
    ],
)
def test_a_cart_that_changed_since_the_question_is_not_ordered(
    till: Till, remote: type[Remote], change: dict[str, Any]
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1100})
    token = till.cart(("FLK", 1))
    total = till.total(token)

    def change_the_cart() -> None:
        cart = Cart.objects.get(token=token)
        for name, value in change.items():
            kept = getattr(cart, name)
            setattr(cart, name, {**kept, **value} if isinstance(value, dict) else value)
        cart.save()

    remote.meanwhile = staticmethod(change_the_cart)

    answer = till.check_out(token, total=total)

    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")
    assert not Order.objects.exists()
    assert not PaymentAttempt.objects.exists(), "Stripe was not asked"


def test_a_cart_that_is_an_order_is_not_asked_about_again(till: Till, remote: type[Remote]) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    total = till.total(token)
    till.check_out(token, total=total)
    before = len(remote.questions)

    again = till.check_out(token, total=total)

    assert again.status_code == 200
    assert len(remote.questions) == before


def test_a_service_that_does_not_answer_is_a_clear_503_and_writes_nothing(
    till: Till, remote: type[Remote]
) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    total = till.total(token)
    remote.is_down = True

    answer = till.check_out(token, total=total)

    assert (answer.status_code, answer.json()["code"]) == (503, "tax_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert not Order.objects.exists()


def test_asking_a_remote_service_inside_a_transaction_is_a_mistake_that_shows() -> None:
    question = TaxQuestion(
        country="GB", region="", postal_code="", city="", currency="GBP", on=None, goods=(), shipping="",
        shipping_amount=0,
    )  # type: ignore[arg-type]  # fmt: skip

    with pytest.raises(RuntimeError), transaction.atomic():
        taxes.ask(question)

    assert Remote.questions == []
