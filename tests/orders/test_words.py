"""Countries, intervals and taxes as customers read them."""

import pytest
from django.core import mail

from orders import addresses
from orders.emails import order_confirmation
from orders.models.cart import interval_in_words
from shop.mail import delivery, outbox
from shop.mail.models import OutboxMessage
from tests.factories.orders import HOME, make_paid_order


@pytest.mark.parametrize(
    ("code", "locale", "name"),
    [
        ("GB", "en-gb", "United Kingdom"),
        ("DE", "de-de", "Deutschland"),
        ("IE", "xx", "Ireland"),
        ("ZQ", "en-gb", "ZQ"),
    ],
)
def test_a_country_has_its_name_in_the_customers_language(code: str, locale: str, name: str) -> None:
    assert addresses.country_name(code, locale=locale) == name


def test_an_address_ends_with_its_country() -> None:
    assert addresses.lines(HOME) == ["Ada Byron", "12 Millpond Lane", "Leeds LS1 4AB", "United Kingdom"]


@pytest.mark.parametrize(
    ("count", "unit", "words"),
    [(28, "day", "every 4 weeks"), (10, "day", "every 10 days"), (1, "week", "every week"), (None, None, "")],
)
def test_an_interval_is_said_in_one_way(count: int | None, unit: str | None, words: str) -> None:
    assert interval_in_words(count, unit) == words


@pytest.mark.django_db
def test_the_confirmation_speaks_like_the_pages_and_comes_from_the_shop_by_name() -> None:
    order = make_paid_order()
    outbox.enqueue(order_confirmation(order), to=order.email, at=order.placed_at)
    delivery.deliver(OutboxMessage.objects.get().pk, at=order.placed_at)

    [sent] = mail.outbox
    assert sent.from_email == "Stillwater Magnesium <orders@shop.example>"
    for part in (sent.body, str(sent.alternatives[0][0])):
        assert "Delivery, Standard" in part
        assert "VAT of £4.82 is included." in part
        assert "United Kingdom" in part
        assert "Shipping" not in part
