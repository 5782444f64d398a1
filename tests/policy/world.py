"""Seven people, and what one of them owns: made once, by the requests that customers send themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from orders import links, sample_data
from orders.models import CartLine, Order, Refill, SavedCard, Subscription
from orders.subscriptions import planning
from shop.accounts import registration, roles
from shop.accounts.models import Address, User
from shop.clock import reading
from tests.factories.catalog import make_bundle, make_variant
from tests.factories.content import make_article, publish
from tests.strangers import App
from tests.stripe_side import CARD_OK, StripeSide
from tests.till import ADDRESS, Till

PEOPLE = ("stranger", "other", "owner", "warehouse", "support", "editor", "manager")
PASSWORD = "seven green otters"
CSRF = "c" * 32
# What nobody but the owner, or whoever holds a proof of hers, may ever read.
SECRETS = ("owner@buyer.example", ADDRESS["name"], ADDRESS["line1"])
HOME = {**ADDRESS, "is_default": True}


@dataclass
class World:
    """Everything that a request may name."""

    stripe: StripeSide
    at: datetime = field(default_factory=reading.now)
    users: dict[str, User] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    carts: dict[str, str] = field(default_factory=dict)

    def browser(self, person: str) -> Client:
        """Return a new browser in which a person is signed in; it sends the CSRF token when asked for it."""
        client = Client(enforce_csrf_checks=True)
        client.cookies["csrftoken"] = CSRF
        if person in self.cookies:
            client.cookies["sessionid"] = self.cookies[person]
        return client

    def app(self, person: str) -> App:
        """Return a client without cookies, signed in as a person."""
        return App(token=self.tokens.get(person, ""))

    def login(self, person: str) -> None:
        """Sign a person in at the front door, twice: in a browser, and in an app."""
        body = {"email": self.users[person].email, "password": PASSWORD}
        client = self.browser("stranger")
        client.post(
            "/api/v1/auth/browser/login",
            body,
            content_type="application/json",
            headers={"X-CSRFToken": CSRF},
        )
        self.cookies[person] = client.cookies["sessionid"].value
        app = App()
        app.sign_in(body["email"], PASSWORD)
        self.tokens[person] = app.token

    def till(self, person: str) -> Till:
        """Return the till at which a person buys."""
        client = Client()
        client.cookies["sessionid"] = self.cookies[person]
        return Till(self.stripe, self.at, client)


def build(stripe: StripeSide) -> World:
    """Make the people, the goods and what the owner has; within the caller's transaction."""
    world = World(stripe)
    sample_data.load(at=world.at)
    roles.write_permissions()
    for person in PEOPLE[1:]:
        domain = "buyer" if person in {"other", "owner"} else "shop"
        world.users[person] = _user(f"{person}@{domain}.example", person)
        world.login(person)
    _goods(world)
    _belongings(world)
    return world


def _user(email: str, person: str) -> User:
    user = User.objects.create_user(email, PASSWORD, is_staff=person in roles.ROLES)
    registration.vouch_for(user, at=reading.now())
    if person in roles.ROLES:
        user.groups.add(Group.objects.get(name=person))
    return user


def _goods(world: World) -> None:
    variant = make_variant(sku="FLK", stock=500, product__slug="flakes")
    make_bundle([(variant, 2)], sku="SET")
    publish(make_article(at=world.at), at=world.at)


def _belongings(world: World) -> None:
    till = world.till("owner")
    world.carts["owner"] = till.cart(("FLK", 1), email="owner@buyer.example")
    for person in PEOPLE[1:]:
        if person != "owner":
            world.carts[person] = world.till(person).send("POST", "carts", {}).json()["id"]
    fields = {name: value for name, value in HOME.items() if name != "is_default"}
    Address.objects.create(user=world.users["owner"], is_default=True, **fields)
    email = "owner@buyer.example"
    till.bought(("FLK", 2, {"unit": "week", "count": 4}), email=email)
    till.order(("FLK", 1), email=email)
    subscription = Subscription.objects.get()
    cycle = subscription.cycles.get(status="open")
    planning.plan(at=cycle.due_at - timedelta(days=4))
    _other_order(world)


def _other_order(world: World) -> None:
    """The other customer's own order, to their own address."""
    till, home = world.till("other"), {**ADDRESS, "name": "Bob Other", "line1": "1 Other Street"}
    token = till.cart(("FLK", 1), email="other@buyer.example")
    till.send("PATCH", f"carts/{token}", {"shipping_address": home})
    placed = till.check_out(token).json()
    till.stripe.pay(placed["payment"]["client_secret"])
    till.settle()


# --- what requests name, read anew each time: a cell is rolled back ----------------------------------------


def paid(world: World) -> Order:
    """The owner's order that is paid, its invoice issued, nothing of it packed."""
    return Order.objects.get(user=world.users["owner"], payment_status="paid")


def unpaid(world: World) -> Order:
    """The owner's order that waits for payment."""
    return Order.objects.get(user=world.users["owner"], status="pending")


def token_of(order: Order) -> dict[str, str]:
    """The proof that a guest has: the header that opens an order."""
    return {"Authorization": f"OrderToken {links.order_token(order)}"}


def foreign(world: World) -> Order:
    """An order of somebody else."""
    return Order.objects.get(user=world.users["other"])


def subscription(world: World) -> Subscription:
    return Subscription.objects.get()


def refill(world: World) -> Refill:
    return Refill.objects.latest("pk")


def card(world: World) -> SavedCard:
    return SavedCard.objects.latest("pk")


def line(world: World) -> CartLine:
    """The one line of the owner's cart."""
    return CartLine.objects.get(cart__token=world.carts["owner"])


def address(world: World) -> Address:
    return Address.objects.get(user=world.users["owner"])


def begun_setup(world: World) -> dict[str, Any]:
    """A card that the owner has begun to save, and her browser has confirmed at Stripe."""
    client = world.browser("owner")
    answer = client.post(
        "/api/v1/me/cards", {"consent": True}, content_type="application/json", headers={"X-CSRFToken": CSRF}
    ).json()
    form = {
        "client_secret": answer["client_secret"],
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": CARD_OK,
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": "2034",
        "payment_method_data[card][cvc]": "123",
    }
    headers = {"Authorization": "Bearer pk_test_devstripe"}
    url = f"{world.stripe.url}/v1/setup_intents/{answer['id']}/confirm"
    requests.post(url, data=form, headers=headers, timeout=10)
    return answer


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is written within."""
    mark = connection.savepoint()
    yield
    connection.savepoint_rollback(mark)
