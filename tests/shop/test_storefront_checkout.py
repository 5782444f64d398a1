"""From the checkout's page to the order's, by forms, with Stripe's double behind."""

from typing import Any

import pytest
from django.test import Client

from catalog import pricing
from catalog.models import Price
from orders import links
from orders.checkout import REFILL_TEXT, TERMS_TEXT
from orders.models import Order
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.stripe_side import CARD_DECLINED, StripeSide
from tests.till import ADDRESS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("regions", "stripe_side")]
DETAILS = {**ADDRESS, "email": "ada@buyer.example", "shipping_method": "standard"}


def words(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:800]
    return " ".join(answer.content.decode().split())


def total_shown(client: Client) -> str:
    shown = words(client.get("/checkout"))
    return shown.split('name="expected_total" value="')[1].split('"')[0]


def fill_cart(client: Client, **fields: Any) -> Any:
    variant = make_variant()
    client.post("/cart/add", {"sku": variant.sku, "quantity": 1, **fields})
    return variant


def order(client: Client, **fields: Any) -> Any:
    body = {**DETAILS, "terms": "on", "expected_total": total_shown(client), **fields}
    return client.post("/checkout", {name: value for name, value in body.items() if value is not None})


def placed(client: Client) -> tuple[Order, str]:
    fill_cart(client)
    token = order(client).headers["Location"].removeprefix("/pay/")
    return Order.objects.get(reference=links.reference_of(token)), token


def pay(client: Client, stripe: StripeSide, token: str, **card: str) -> None:
    secret = client.get(f"/pay/{token}").context["payment"]["client_secret"]
    stripe.pay(secret, **card)


def test_the_checkout_shows_the_very_words_that_are_agreed_to(client: Client) -> None:
    fill_cart(client, plan="refill", weeks="4")

    shown = words(client.get("/checkout"))

    assert TERMS_TEXT in shown
    assert REFILL_TEXT in shown
    assert "Order with obligation to pay — £15.20" in shown
    assert "2–4 days in transit" in shown


def test_without_refills_nobody_is_asked_about_them(client: Client) -> None:
    fill_cart(client)

    assert REFILL_TEXT not in words(client.get("/checkout"))


def test_an_empty_cart_cannot_check_out(client: Client) -> None:
    assert client.get("/checkout").headers["Location"] == "/cart"


def test_an_order_is_placed_and_leads_to_its_payment(client: Client) -> None:
    fill_cart(client)

    answer = order(client)

    row = Order.objects.get()
    assert answer.headers["Location"].startswith("/pay/")
    assert (row.total, row.status, row.email) == (1645, "pending", "ada@buyer.example")
    assert row.consents.get().ip_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "nobody", "Enter a valid email address."),
        ("name", "", "This field is required."),
        ("postal_code", "ABC", "This is not a British postcode"),
        ("postal_code", "", "This field is required."),
        ("country", "ZZ", "Select a valid choice"),
        ("line1", "a\x07b", "One line, without control characters."),
        ("line1", "a\x00b", "One line, without control characters."),
        ("name", "x" * 500, "at most 120 characters"),
        ("terms", None, "Accept the terms to order."),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_is_lost(
    client: Client, field: str, value: str | None, said: str
) -> None:
    fill_cart(client)

    shown = words(order(client, **{field: value}), 422)

    assert said in shown
    assert 'value="Leeds"' in shown
    assert not Order.objects.exists()


def test_a_refill_needs_its_consent(client: Client) -> None:
    fill_cart(client, plan="refill", weeks="4")

    shown = words(order(client), 422)

    assert "Agree to the refill charges" in shown
    assert not Order.objects.exists()


@pytest.mark.parametrize("said", ["", "x", "-5", "999999999999999999999"])
def test_a_total_that_makes_no_sense_is_no_failure(client: Client, said: str) -> None:
    fill_cart(client)

    words(order(client, expected_total=said), 422)

    assert not Order.objects.exists()


def test_a_price_that_moved_is_shown_before_it_is_charged(client: Client) -> None:
    variant = fill_cart(client)
    seen = total_shown(client)
    now = reading.now()
    pricing.change_price(
        variant=variant, currency="GBP", kind=Price.Kind.LIST, amount=1350, starts_at=now, at=now
    )

    shown = words(order(client, expected_total=seen), 422)

    assert "The total has changed" in shown
    assert "£17.45" in shown
    assert not Order.objects.exists()


def test_another_way_to_ship_is_never_charged_unseen(client: Client) -> None:
    fill_cart(client)

    shown = words(order(client, shipping_method="tracked_fast"), 422)

    assert "The total has changed" in shown
    assert not Order.objects.exists()


def test_updating_keeps_what_was_typed_and_shows_the_new_total(client: Client) -> None:
    fill_cart(client)
    half = {**DETAILS, "line1": "", "shipping_method": "tracked_fast", "update": "1"}

    answer = client.post("/checkout", half, follow=True)

    shown = words(answer)
    assert answer.redirect_chain[0][0] == "/checkout#delivery"
    assert 'value="Ada Buyer"' in shown
    assert "£17.95" in shown


def test_what_sold_out_meanwhile_is_said_by_name(client: Client) -> None:
    variant = make_variant(stock=1)
    client.post("/cart/add", {"sku": variant.sku, "quantity": 1})
    seen = total_shown(client)
    rival = Client()
    rival.post("/cart/add", {"sku": variant.sku, "quantity": 1})
    order(rival)

    shown = words(order(client, expected_total=seen), 422)

    assert f"{variant.product.name}, {variant.name} is sold out." in shown


def test_ordering_twice_leads_to_the_one_order(client: Client) -> None:
    fill_cart(client)
    seen = total_shown(client)
    first = order(client, expected_total=seen)

    second = client.post("/checkout", {**DETAILS, "terms": "on", "expected_total": seen})

    assert second.headers["Location"].split(":")[0] == first.headers["Location"].split(":")[0]
    assert Order.objects.count() == 1


def test_the_payment_page_can_be_loaded_again(client: Client) -> None:
    _, token = placed(client)

    secrets = {client.get(f"/pay/{token}").context["payment"]["client_secret"] for _ in range(2)}

    assert len(secrets) == 1


def test_a_paid_order_says_so_after_the_return_from_stripe(client: Client, stripe_side: StripeSide) -> None:
    row, token = placed(client)
    pay(client, stripe_side, token)

    back = client.get(f"/o/{token}?payment_intent=pi_whatever&redirect_status=succeeded")

    assert back.headers["Location"] == f"/o/{token}"
    shown = words(client.get(f"/o/{token}"))
    assert "Thank you, your order is paid" in shown
    assert "Payment received." in shown
    row.refresh_from_db()
    assert row.payment_status == "paid"
    assert client.get(f"/pay/{token}").headers["Location"] == f"/o/{token}"


def test_a_forged_success_pays_nothing(client: Client) -> None:
    row, token = placed(client)

    client.get(f"/o/{token}?payment_intent=pi_paid&redirect_status=succeeded")

    row.refresh_from_db()
    assert row.payment_status == "unpaid"
    assert "Your order waits for payment" in words(client.get(f"/o/{token}"))


def test_a_decline_offers_another_card(client: Client, stripe_side: StripeSide) -> None:
    _, token = placed(client)
    pay(client, stripe_side, token, number=CARD_DECLINED)

    shown = words(client.get(f"/o/{token}?payment_intent=x", follow=True))

    assert "That card was declined" in shown
    assert "Pay with another card" in shown


def test_a_refill_that_began_is_shown_with_its_next_day(client: Client, stripe_side: StripeSide) -> None:
    fill_cart(client, plan="refill", weeks="4")
    token = order(client, refill="on").headers["Location"].removeprefix("/pay/")
    pay(client, stripe_side, token)

    shown = words(client.get(f"/o/{token}?payment_intent=x", follow=True))

    assert "Your refills" in shown
    assert "every 4 weeks" in shown
    assert "Next parcel about" in shown


def test_stripe_away_keeps_the_order_and_offers_to_try_again(client: Client, settings: Any) -> None:
    fill_cart(client)
    there = settings.STRIPE_API_BASE
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    answer = order(client)
    shown = words(client.get(answer.headers["Location"]), 503)

    assert "is kept, and nothing was charged" in shown
    settings.STRIPE_API_BASE = there
    assert words(client.post(answer.headers["Location"])).count("payment-element") > 0
    assert Order.objects.count() == 1


def test_stripe_away_on_the_return_is_waited_for(client: Client, settings: Any) -> None:
    _, token = placed(client)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    shown = words(client.get(f"/o/{token}?payment_intent=x", follow=True))

    assert "Asking how your payment went" in shown
    assert 'http-equiv="refresh"' in shown


def test_an_unpaid_order_can_be_cancelled(client: Client) -> None:
    row, token = placed(client)

    shown = words(client.post(f"/o/{token}/cancel", follow=True))

    row.refresh_from_db()
    assert row.status == "cancelled"
    assert "This order is cancelled" in shown


def test_the_cart_page_remembers_an_order_that_waits(client: Client) -> None:
    row, _ = placed(client)

    assert f"Your order {row.reference}" in words(client.get("/cart"))


@pytest.mark.parametrize("path", ["/o/{}", "/pay/{}"])
def test_a_forged_link_is_not_found(client: Client, path: str) -> None:
    row, token = placed(client)

    for forged in (row.reference, token[:-1] + ("A" if token[-1] != "A" else "B"), "x" * 3000, "a:b:c"):
        assert "This link is not valid any more" in words(client.get(path.format(forged)), 404)


def test_the_order_of_another_is_not_reached_by_the_cancel_button(client: Client) -> None:
    row, token = placed(client)

    assert client.post(f"/o/{token[:-2]}/cancel").status_code == 404

    row.refresh_from_db()
    assert row.status == "pending"
