"""Orders of their holder over REST: a list of one's own, and the same things once more."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.models import Variant
from orders import links
from orders.models import Cart, CartLine, Order
from shop.accounts.models import User
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import HOME, make_order, make_paid_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada@buyer.example", "-")


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def listed(client: Client, **query: Any) -> Any:
    return client.get("/api/v1/me/orders", query)


def again(client: Client, order: Order, *, token: str | None = None, **headers: str) -> Any:
    proof = {"Authorization": f"OrderToken {links.order_token(order) if token is None else token}"}
    return client.post(
        f"/api/v1/orders/{order.reference}/reorder",
        content_type="application/json",
        headers={**proof, **headers},
    )


def test_the_list_holds_ones_own_orders_newest_first(browser: Client, ada: User) -> None:
    variant = make_variant()
    first, second = (make_paid_order(variant=variant, user=ada) for _ in range(2))
    make_paid_order(variant=variant, user=User.objects.create_user("bob@buyer.example", "-"))
    make_paid_order(variant=variant, email=ada.email)

    body = listed(browser).json()

    assert [row["reference"] for row in body["results"]] == [second.reference, first.reference]
    assert body["next"] is None
    row = body["results"][0]
    assert row["total"] == {"amount": 2895, "currency": "GBP", "formatted": "£28.95"}
    assert row["items"][0]["quantity"] == 2
    assert "shipping_address" not in row


def test_the_list_comes_in_pages_and_takes_known_filters_only(browser: Client, ada: User) -> None:
    variant = make_variant()
    for _ in range(5):
        make_order(variant=variant, user=ada)
    paid = make_paid_order(variant=variant, user=ada)

    page = listed(browser, page_size=4).json()
    rest = browser.get(page["next"]).json()
    assert [len(page["results"]), len(rest["results"])] == [4, 2]
    assert listed(browser, payment_status="paid").json()["results"][0]["reference"] == paid.reference
    for query in ({"status": "eaten"}, {"user": "1"}, {"email": "a"}, {"page_size": "0"}, {"cursor": "zzz"}):
        assert listed(browser, **query).status_code == 400, query


def test_the_list_asks_as_often_for_twenty_orders_as_for_two(
    browser: Client, ada: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    variant = make_variant()
    for _ in range(2):
        make_paid_order(variant=variant, user=ada)
    with django_assert_num_queries(4):
        listed(browser)
    for _ in range(18):
        make_paid_order(variant=variant, user=ada)
    with django_assert_num_queries(4):
        assert len(listed(browser).json()["results"]) == 20


def test_a_stranger_has_no_list(client: Client) -> None:
    assert listed(client).status_code in {401, 403}


def test_an_order_again_is_a_cart_with_todays_prices(client: Client) -> None:
    variant = make_variant(prices={"GBP": 1395})
    order = make_paid_order(variant=variant)

    answer = again(client, order)

    body = answer.json()
    cart = Cart.objects.get()
    assert (answer.status_code, body["id"], body["left_out"]) == (201, cart.token, [])
    assert [(line["sku"], line["quantity"], line["refill"]) for line in body["lines"]] == [
        (variant.sku, 2, None)
    ]
    assert body["lines"][0]["price"]["amount"] == 1395
    assert (body["email"], body["shipping_method"]) == (order.email, "standard")
    assert body["shipping_address"]["line1"] == HOME["line1"]
    assert body["billing_address"] is None
    assert body["problems"] == []


def test_what_is_not_sold_any_more_is_named_and_the_rest_comes(client: Client) -> None:
    gone, kept = make_variant(), make_variant()
    order = make_paid_order(variant=gone)
    line = order.lines.get()
    line.pk, line.position, line.variant, line.sku, line.refill_unit, line.refill_count = (
        None,
        2,
        kept,
        kept.sku,
        "week",
        4,
    )
    line.save()
    Variant.objects.filter(pk=gone.pk).update(archived_at=AT)

    body = again(client, order).json()

    assert [(row["sku"], row["refill"]) for row in body["lines"]] == [(kept.sku, None)]
    [missing] = body["left_out"]
    assert (missing["code"], missing["detail"], missing["sku"]) == ("not_sold", "No longer sold.", gone.sku)


def test_nothing_left_is_said_and_no_cart_is_written(client: Client) -> None:
    order = make_paid_order()
    Variant.objects.update(archived_at=AT)

    answer = again(client, order)

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_reorder")
    assert not Cart.objects.exists()


def test_a_repeated_request_makes_one_cart(client: Client) -> None:
    order = make_paid_order()

    first, second = (again(client, order, **{"Idempotency-Key": "again-1"}) for _ in range(2))

    assert first.json()["id"] == second.json()["id"]
    assert Cart.objects.count() == 1


def test_no_proof_and_no_order_get_the_same_answer(client: Client, browser: Client) -> None:
    mine, other = make_paid_order(), make_paid_order()
    missing = Order(reference="ZZZZZZZZZZ")

    answers = [
        again(client, mine, token=links.order_token(other)),
        again(client, mine, token="forged"),
        again(browser, mine, token=""),
        again(client, missing, token=links.order_token(other)),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert not Cart.objects.exists()


def test_a_signed_in_customer_needs_no_token(browser: Client, ada: User) -> None:
    order = make_paid_order(user=ada)

    answer = again(browser, order, token="")

    assert answer.status_code == 201
    assert Cart.objects.get().user == ada


def test_the_button_on_the_page_adds_to_the_cart_that_is_open(client: Client) -> None:
    variant, other = make_variant(), make_variant()
    order = make_paid_order(variant=variant)
    client.post("/cart/add", {"sku": other.sku, "quantity": 1})
    token = links.order_token(order)
    assert "Order this again" in client.get(f"/o/{token}").content.decode()

    answer = client.post(f"/o/{token}/again", follow=True)

    assert answer.redirect_chain[-1][0] == "/cart"
    assert set(CartLine.objects.values_list("variant__sku", "quantity")) == {(other.sku, 1), (variant.sku, 2)}
    assert Cart.objects.count() == 1


def test_the_page_says_what_it_left_out(client: Client) -> None:
    order = make_paid_order()
    Variant.objects.update(archived_at=AT)

    shown = client.post(f"/o/{links.order_token(order)}/again", follow=True).content.decode()

    assert "is sold any more" in shown
    assert client.get(f"/o/{links.order_token(order)}/again").status_code == 405
