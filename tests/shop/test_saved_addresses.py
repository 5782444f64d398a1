"""The addresses of an account, offered at the checkout and for refills, and to nobody else."""

from typing import Any

import pytest
from django.test import Client

from orders.models import Cart, Subscription
from shop.accounts import addresses
from shop.accounts.models import Address, User
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine
from tests.shop.refills.conftest import Visitor, ada, by_link, routine, signed_in
from tests.till import ADDRESS

__all__ = ["ada", "routine"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]
COTTAGE = {
    **ADDRESS, "name": "Ada Byron", "line1": "9 Cottage Row", "city": "York", "postal_code": "yo17hh",
    "country": "GB",
}  # fmt: skip


@pytest.fixture
def cottage(ada: User) -> Address:
    return addresses.add(ada, COTTAGE)


def at_the_till(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    client.post("/cart/add", {"sku": make_variant().sku, "quantity": 1})
    return client


def words(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:800]
    return " ".join(answer.content.decode().split())


def test_a_saved_address_fills_the_checkout_and_opens_its_ways_to_ship(ada: User, cottage: Address) -> None:
    client = at_the_till(ada)
    offered = words(client.get("/checkout"))
    assert "9 Cottage Row, York YO1 7HH" in offered

    answer = client.post("/checkout", {"saved": str(cottage.pk)})

    assert answer["Location"] == "/checkout"
    assert Cart.objects.get().shipping_address["line1"] == "9 Cottage Row"
    shown = words(client.get("/checkout"))
    assert 'value="9 Cottage Row"' in shown
    assert '<span class="tag">in use</span>' in shown
    assert 'name="shipping_method"' in shown


def test_only_addresses_that_the_shop_ships_to_are_offered(ada: User, cottage: Address) -> None:
    addresses.add(ada, {**COTTAGE, "line1": "1 Far Road", "country": "BR", "postal_code": "01310-100"})

    shown = words(at_the_till(ada).get("/checkout"))

    assert "9 Cottage Row" in shown
    assert "1 Far Road" not in shown


def test_nobody_uses_the_address_of_somebody_else(ada: User, cottage: Address) -> None:
    bob = User.objects.create_user("bob@buyer.example", "secret-words-9")

    for client in (at_the_till(bob), at_the_till(None)):
        assert "Cottage Row" not in words(client.get("/checkout"))
        assert "Your addresses" not in words(client.get("/checkout"))
        for given in (str(cottage.pk), "0", "x", ""):
            assert client.post("/checkout", {"saved": given}).status_code == 404
    assert not Cart.objects.exclude(shipping_address={}).exists()


@pytest.fixture
def flakes(routine: Routine, ada: User) -> Subscription:
    (row,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    return row


def test_a_saved_address_fills_the_form_of_a_refill_and_is_kept_once_sent(
    flakes: Subscription, ada: User, cottage: Address
) -> None:
    visitor = signed_in(ada)
    before = flakes.shipping_address
    assert f'href="?saved={cottage.pk}"' in words(visitor.get(flakes.reference, "address"))

    page = visitor.client.get(f"{visitor.base}/{flakes.reference}/address", {"saved": cottage.pk})
    assert 'value="9 Cottage Row"' in words(page)
    flakes.refresh_from_db()
    assert flakes.shipping_address == before, "looking changes nothing"

    given = {name: page.context["form"][name].value() for name in addresses.FIELDS}
    visitor.press(flakes.reference, "address", **given)
    flakes.refresh_from_db()
    assert flakes.shipping_address["line1"] == "9 Cottage Row"
    assert "in use" in words(visitor.get(flakes.reference, "address"))


def test_a_link_in_a_mail_opens_no_address_book(flakes: Subscription, ada: User, cottage: Address) -> None:
    """Whoever holds the link may not be its owner."""
    visitor: Visitor = by_link(flakes)

    assert "Cottage Row" not in words(visitor.get(flakes.reference, "address"))
    asked = visitor.client.get(f"{visitor.base}/{flakes.reference}/address", {"saved": cottage.pk})
    assert asked.status_code == 404
