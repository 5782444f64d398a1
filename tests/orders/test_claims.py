"""What was ordered as a guest joins an account once its address is proved, and never before."""

from typing import Any

import pytest
from django.test import Client

from orders import claims
from orders.models import Customer, Order, OrderEvent, Subscription
from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from shop.mail import recipients
from tests.factories.catalog import make_variant
from tests.strangers import App, link_of_latest_mail
from tests.till import Till

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"
REFILL = {"unit": "week", "count": 4}

pytestmark = pytest.mark.django_db(transaction=True)


def sign_up(email: str) -> User:
    assert App().post("auth/app/signup", {"email": email, "password": PASSWORD}).status_code == 202
    return User.objects.get(email=email.lower())


def test_an_unverified_account_with_a_stranger_s_address_sees_nothing(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    till.order(("FLK", 1), email=EMAIL)

    eve = sign_up(EMAIL)

    app = App()
    answer = app.sign_in(EMAIL, PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (401, "verify_email")
    assert app.get("me").status_code == 401
    assert claims.claim(eve, at=reading.now()) == claims.Claimed(orders=0, customers=0)
    assert Order.objects.get().user is None


def test_confirming_the_address_brings_orders_and_refills_whatever_their_case(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    bought = till.bought(("FLK", 1, REFILL), email="Ada@Buyer.example")
    other = till.order(("FLK", 1), email="bob@buyer.example")
    ada = sign_up(EMAIL)

    Client().post(link_of_latest_mail("account_verify"))

    bought.refresh_from_db()
    assert bought.user == ada
    assert Customer.objects.get(email__iexact=EMAIL).user == ada
    assert Order.objects.get(reference=other["reference"]).user is None
    [note] = OrderEvent.objects.filter(kind="claimed")
    assert (note.order, note.actor) == (bought, ada)
    app = App()
    app.sign_in(EMAIL, PASSWORD)
    [row] = app.get("subscriptions").json()["results"]
    assert row["reference"] == Subscription.objects.get().reference
    assert app.get(f"orders/{bought.reference}").status_code == 200
    assert app.get(f"orders/{other['reference']}").status_code == 404


@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_an_address_that_only_looks_alike_brings_nothing(till: Till, alike: str) -> None:
    """The capital of a dotless ı is I, that of a long ſ is S: the domains are a stranger's own."""
    make_variant(sku="FLK", is_subscribable=True)
    till.bought(("FLK", 1, REFILL), email=alike.replace("\u0131", "i").replace("\u017f", "s"))
    eve = User.objects.create_user(alike, PASSWORD)
    registration.vouch_for(eve, at=reading.now())

    claimed = claims.claim(eve, at=reading.now())

    assert claimed == claims.Claimed(orders=0, customers=0)
    assert Order.objects.get().user is None
    assert Customer.objects.get().user is None
    assert not Order.objects.filter(recipients.written_as(alike)).exists()


def test_what_is_ordered_as_a_guest_later_joins_at_the_next_sign_in_once(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    ada = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(ada, at=reading.now())
    till.order(("FLK", 1), email=EMAIL)

    App().sign_in(EMAIL, PASSWORD)
    App().sign_in(EMAIL, PASSWORD)

    assert Order.objects.get().user == ada
    assert OrderEvent.objects.filter(kind="claimed").count() == 1


def test_an_order_that_is_somebody_s_stays_theirs(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    bob = User.objects.create_user("bob@buyer.example", PASSWORD)
    placed = till.order(("FLK", 1), email=EMAIL)
    Order.objects.update(user=bob)
    ada = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(ada, at=reading.now())

    assert claims.claim(ada, at=reading.now()).orders == 0

    assert Order.objects.get(reference=placed["reference"]).user == bob


def test_a_new_address_brings_its_orders_and_an_old_one_nothing_more(till: Till, settings: Any) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    ada = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(ada, at=reading.now())
    app = App()
    app.sign_in(EMAIL, PASSWORD)
    app.post("auth/app/reauthenticate", {"password": PASSWORD})
    app.post("auth/app/email", {"email": "new@buyer.example"})
    new = till.order(("FLK", 1), email="new@buyer.example")
    assert Order.objects.get(reference=new["reference"]).user is None

    Client().post(link_of_latest_mail("account_verify"))
    old = till.order(("FLK", 1), email=EMAIL)
    App().sign_in("new@buyer.example", PASSWORD)

    assert Order.objects.get(reference=new["reference"]).user == ada
    assert Order.objects.get(reference=old["reference"]).user is None
