"""A visitor's cart and their account's become one when they sign in."""

import threading

import pytest
from django.db import close_old_connections, connection
from django.test import Client

from orders import cart_merging, carts
from orders.carts import Refill
from orders.models import Cart, CartLine
from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.strangers import App

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"
MONTHLY = Refill("week", 4)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(regions: None) -> User:
    user = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    return user


def filled(*lines: tuple[str, int, Refill | None], user: User | None = None) -> Cart:
    at = reading.now()
    cart = carts.create(at=at, user=user)
    for sku, quantity, refill in lines:
        carts.add_line(cart, sku=sku, quantity=quantity, refill=refill, at=at)
    return cart


def held(cart: Cart) -> list[tuple[str, int, int | None]]:
    rows = CartLine.objects.filter(cart=cart).order_by("variant__sku", "refill_count")
    return list(rows.values_list("variant__sku", "quantity", "refill_count"))


def test_quantities_add_up_and_refills_stay_what_they_are(ada: User) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    make_variant(sku="OIL")
    mine = filled(("FLK", 2, None), ("FLK", 1, MONTHLY), user=ada)
    theirs = filled(("FLK", 3, None), ("OIL", 1, None))

    left = cart_merging.merge(theirs.token, ada, at=reading.now())

    assert left == theirs, "the visitor goes on with the token that they hold"
    assert held(theirs) == [("FLK", 1, 4), ("FLK", 5, None), ("OIL", 1, None)]
    assert not Cart.objects.filter(pk=mine.pk).exists()
    theirs.refresh_from_db()
    assert (theirs.user, theirs.email) == (ada, EMAIL)


def test_a_line_holds_no_more_than_a_line_may(ada: User) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    filled(("FLK", 60, None), user=ada)
    theirs = filled(("FLK", 60, None))

    cart_merging.merge(theirs.token, ada, at=reading.now())

    assert held(theirs) == [("FLK", carts.MAX_QUANTITY, None)]


def test_nobody_gets_a_stranger_s_cart_by_its_token(ada: User) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    bob = User.objects.create_user("bob@buyer.example", PASSWORD)
    bobs = filled(("FLK", 1, None), user=bob)

    assert cart_merging.merge(bobs.token, ada, at=reading.now()) is None

    bobs.refresh_from_db()
    assert bobs.user == bob


def test_signing_in_on_the_page_merges_and_signing_out_leaves_nothing_behind(
    ada: User, client: Client
) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    filled(("FLK", 2, None), user=ada)
    client.post("/cart/add", {"sku": "FLK", "quantity": "1"})

    client.post("/account/login", {"login": EMAIL, "password": PASSWORD})

    [cart] = Cart.objects.all()
    assert (cart.user, held(cart)) == (ada, [("FLK", 3, None)])
    client.post("/account/logout")
    assert client.cookies["cart"].value == ""
    assert "view" not in client.get("/cart").context, "whoever comes next finds an empty cart"
    elsewhere = Client()
    elsewhere.post("/account/login", {"login": EMAIL, "password": PASSWORD})
    assert "3" in elsewhere.get("/cart").content.decode()


def test_an_app_names_the_cart_that_it_filled_before(ada: User) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    mine = filled(("FLK", 2, None), user=ada)
    theirs = filled(("FLK", 1, None))
    app = App()
    app.sign_in(EMAIL, PASSWORD)
    assert app.get("me/cart").json()["id"] == mine.token

    answer = app.post("me/cart", {"cart": theirs.token})

    assert (answer.status_code, answer.json()["id"]) == (200, theirs.token)
    assert [line["quantity"] for line in answer.json()["lines"]] == [3]


@pytest.mark.race
def test_two_sign_ins_at_once_leave_one_cart_with_everything_once(ada: User) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    filled(("FLK", 5, None), user=ada)
    guests = [filled(("FLK", 1, None)), filled(("FLK", 2, None))]
    start = threading.Barrier(2)

    def sign_in(cart: Cart) -> None:
        close_old_connections()
        start.wait()
        cart_merging.merge(cart.token, ada, at=reading.now())
        connection.close()

    threads = [threading.Thread(target=sign_in, args=[cart]) for cart in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    cart_merging.merge("", ada, at=reading.now())
    [cart] = Cart.objects.all()
    assert held(cart) == [("FLK", 8, None)]
