"""What belongs to a customer: addresses, orders and cards, on pages and in the API; never another's."""

from typing import Any

import pytest
from django.test import Client

from shop.accounts import addresses, registration
from shop.accounts.models import Address, User
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.strangers import App

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"
HOME = {
    "name": "Ada Buyer",
    "line1": "12 Canal Street",
    "city": "Leeds",
    "postal_code": "ls1 4ap",
    "country": "GB",
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(regions: None) -> User:
    user = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    return user


@pytest.fixture
def app(ada: User) -> App:
    found = App()
    found.sign_in(EMAIL, PASSWORD)
    return found


def test_the_address_book_keeps_one_default_over_the_api(app: App) -> None:
    first = app.post("me/addresses", HOME).json()
    second = app.post("me/addresses", {**HOME, "line1": "1 Quay", "is_default": True}).json()
    assert (first["is_default"], first["postal_code"]) == (True, "LS1 4AP")
    assert [row["id"] for row in app.get("me/addresses").json()["results"]] == [second["id"], first["id"]]

    app.send("PATCH", f"me/addresses/{first['id']}", {"city": "York", "is_default": True})
    assert app.send("DELETE", f"me/addresses/{first['id']}").status_code == 204

    [left] = app.get("me/addresses").json()["results"]
    assert (left["id"], left["is_default"]) == (second["id"], True)


def test_another_s_address_is_not_there(app: App) -> None:
    bob = User.objects.create_user("bob@buyer.example", PASSWORD)
    row = addresses.add(bob, HOME)

    for method in ("GET", "PATCH", "DELETE"):
        body = {"city": "York"} if method == "PATCH" else None
        answer = app.send(method, f"me/addresses/{row.pk}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "address_not_found")
    row.refresh_from_db()
    assert row.city == "Leeds"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**HOME, "price": 1}, "price"),
        ({**HOME, "name": "a\nb"}, "name"),
        ({**HOME, "country": "GBR"}, "country"),
        ({**HOME, "is_default": "yes"}, "is_default"),
        ({"name": "Ada"}, "line1"),
    ],
)
def test_bad_addresses_are_named_by_field(app: App, body: dict[str, Any], field: str) -> None:
    answer = app.post("me/addresses", body)

    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Address.objects.exists()


def test_a_full_book_says_so(app: App, ada: User) -> None:
    for _ in range(addresses.MAX_ADDRESSES):
        addresses.add(ada, HOME)

    answer = app.post("me/addresses", HOME)

    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_addresses")


def test_addresses_on_pages_fill_the_checkout(client: Client, ada: User) -> None:
    make_variant(sku="FLK")
    client.force_login(ada)
    refused = client.post("/account/addresses/new", {**HOME, "line1": ""})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["line1"])
    assert client.post("/account/addresses/new", HOME).status_code == 302
    client.post("/cart/add", {"sku": "FLK", "quantity": "1"})

    page = client.get("/checkout").content.decode()

    assert 'value="12 Canal Street"' in page
    assert f'value="{EMAIL}"' in page
    row = Address.objects.get()
    assert client.post(f"/account/addresses/{row.pk}", {**HOME, "city": "York"}).status_code == 302
    assert client.post(f"/account/addresses/{row.pk}/remove").status_code == 302
    assert not Address.objects.exists()


PAGES = [
    "", "/orders", "/name", "/addresses", "/addresses/new", "/cards", "/cards/new", "/email", "/password",
    "/sessions", "/two-steps",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_strangers_are_sent_to_sign_in_and_customers_see_the_page(
    client: Client, ada: User, page: str
) -> None:
    answer = client.get(f"/account{page}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login")

    client.force_login(ada)

    assert client.get(f"/account{page}").status_code == 200


def test_another_s_address_page_and_card_are_not_there(client: Client, ada: User) -> None:
    row = addresses.add(User.objects.create_user("bob@buyer.example", PASSWORD), HOME)
    client.force_login(ada)

    assert client.get(f"/account/addresses/{row.pk}").status_code == 404
    assert client.post(f"/account/addresses/{row.pk}/remove").status_code == 404
    assert client.post("/account/cards/pm_nothing/remove").status_code == 404
    assert Address.objects.filter(pk=row.pk).exists()


def test_the_name_is_changed_on_the_page_and_over_the_api(client: Client, app: App, ada: User) -> None:
    client.force_login(ada)
    client.post("/account/name", {"name": "Ada B."})
    assert app.get("me").json()["name"] == "Ada B."

    assert app.send("PATCH", "me", {"name": "Ada  C."}).json()["name"] == "Ada C."
    assert app.send("PATCH", "me", {"email": "x@y.example"}).json()["code"] == "unknown_field"
