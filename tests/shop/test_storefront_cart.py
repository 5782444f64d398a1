"""The cart's page and its buttons."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from orders.models import Cart, CartLine
from shop.storefront import baskets
from tests.factories.catalog import make_oil, make_variant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


def add(client: Client, sku: str, /, **fields: Any) -> Any:
    return client.post("/cart/add", {"sku": sku, "quantity": 1, **fields}, follow=True)


def words(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:500]
    return " ".join(answer.content.decode().split())


def test_an_empty_cart_says_so(client: Client) -> None:
    assert "Nothing in it yet" in words(client.get("/cart"))
    assert Cart.objects.count() == 0


def test_something_lands_in_the_cart(client: Client) -> None:
    sku = make_variant().sku

    shown = words(add(client, sku, quantity=2))

    assert "In your cart" in shown
    assert "£25.00" in shown
    assert CartLine.objects.get().quantity == 2


def test_the_cookie_is_signed_and_kept_from_scripts(client: Client) -> None:
    add(client, make_variant().sku)

    cookie = client.cookies[baskets.COOKIE]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value != Cart.objects.get().token
    client.cookies[baskets.COOKIE] = Cart.objects.get().token
    assert "Nothing in it yet" in words(client.get("/cart"))


def test_a_refill_is_put_in_at_its_price_and_interval(client: Client) -> None:
    shown = words(add(client, make_variant().sku, plan="refill", weeks="6"))

    line = CartLine.objects.get()
    assert (line.refill_unit, line.refill_count) == ("week", 6)
    assert "£11.25" in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"quantity": 0}, {"quantity": 100}, {"quantity": "two"}, {"quantity": ""}, {"sku": "nothing"}, {"sku": "a\x00b"},
        {"plan": "weekly"}, {"plan": "refill", "weeks": "999"}, {"plan": "refill", "weeks": "x"},
    ],
)  # fmt: skip
def test_bad_values_are_told_and_put_nothing_in(client: Client, fields: dict[str, Any]) -> None:
    sku = make_variant().sku

    shown = words(add(client, sku, **fields))

    assert 'class="message error"' in shown
    assert CartLine.objects.count() == 0


def test_fields_that_nobody_asked_for_change_nothing(client: Client) -> None:
    shown = words(add(client, make_variant().sku, price="1", amount="1"))

    assert "£12.50" in shown


def test_what_is_not_on_refill_is_refused_in_words(client: Client) -> None:
    shown = words(add(client, make_variant(is_subscribable=False).sku, plan="refill", weeks="4"))

    assert "sold once, not on refill" in shown


def test_a_line_is_changed_and_removed(client: Client) -> None:
    add(client, make_variant().sku)
    line = CartLine.objects.get()

    client.post(f"/cart/lines/{line.pk}", {"quantity": 3, "interval": "week:8"})
    line.refresh_from_db()
    assert (line.quantity, line.refill_unit, line.refill_count) == (3, "week", 8)

    client.post(f"/cart/lines/{line.pk}", {"quantity": 3, "interval": "once"})
    line.refresh_from_db()
    assert line.refill_unit is None

    shown = words(client.post(f"/cart/lines/{line.pk}/remove", follow=True))
    assert "Nothing in it yet" in shown


@pytest.mark.parametrize(
    "fields", [{"quantity": "-1"}, {"quantity": 1, "interval": "year:1"}, {"interval": "once"}]
)
def test_a_bad_change_is_told(client: Client, fields: dict[str, Any]) -> None:
    add(client, make_variant().sku)
    line = CartLine.objects.get()

    shown = words(client.post(f"/cart/lines/{line.pk}", fields, follow=True, headers={"Referer": "/cart"}))

    assert 'class="message error"' in shown
    line.refresh_from_db()
    assert (line.quantity, line.refill_unit) == (1, None)


def test_nobody_reaches_into_another_cart(client: Client) -> None:
    add(client, make_variant().sku)
    line = CartLine.objects.get()
    stranger = Client()
    add(stranger, make_variant().sku)

    stranger.post(f"/cart/lines/{line.pk}", {"quantity": 9})
    stranger.post(f"/cart/lines/{line.pk}/remove")

    line.refresh_from_db()
    assert line.quantity == 1


def test_more_than_there_is_keeps_from_the_checkout(client: Client) -> None:
    shown = words(add(client, make_variant(stock=3).sku, quantity=5))

    assert "3 left." in shown
    assert "To the checkout" not in shown


def test_a_changed_country_changes_the_cart(client: Client) -> None:
    add(client, make_variant().sku)

    client.post("/country", {"country": "DE", "next": "/cart"})

    assert Cart.objects.get().currency == "EUR"
    assert "€14.50" in words(client.get("/cart"))


def test_a_form_without_its_token_is_refused_politely() -> None:
    answer = Client(enforce_csrf_checks=True).post("/cart/add", {"sku": "x", "quantity": 1})

    assert answer.status_code == 403
    assert b"Please try that once more" in answer.content


@pytest.mark.parametrize("path", ["/cart/add", "/cart/lines/1", "/cart/lines/1/remove"])
def test_buttons_are_no_links(client: Client, path: str) -> None:
    assert client.get(path).status_code == 405


def test_the_country_cookie_is_signed(client: Client) -> None:
    make_variant()
    client.cookies["market"] = "US:USD"

    assert settings.DEFAULT_CURRENCY == "GBP"
    assert "£12.50" in words(client.get("/"))


def test_who_buys_a_kilo_for_three_foot_soaks_a_week_is_offered_two_every_four_weeks(client: Client) -> None:
    sku = make_variant().sku
    shown = words(add(client, sku))
    line = CartLine.objects.get()

    assert "<strong>2 × every 4 weeks</strong> would fit" in shown
    assert "At 150 g a foot soak, 3 times a week" in shown
    assert "lasts about <strong>15 days</strong>" in shown
    assert "enough until about <strong>" in shown
    assert "£11.25 each on refill" in shown

    client.post(f"/cart/lines/{line.pk}", {"quantity": "2", "interval": "week:4"})
    line.refresh_from_db()
    assert (line.quantity, line.refill_unit, line.refill_count) == (2, "week", 4)
    assert "would fit" not in words(client.get("/cart"))


def test_the_offer_follows_what_the_visitor_tells_and_nothing_is_stored(client: Client) -> None:
    add(client, make_variant().sku)
    line = CartLine.objects.get()

    shown = words(client.get("/cart", {"line": line.pk, "sessions": "6", "people": "1"}))

    assert "At 150 g a foot soak, 6 times a week" in shown
    assert "<strong>4 × every 4 weeks</strong> would fit" in shown
    line.refresh_from_db()
    assert (line.quantity, line.refill_unit) == (1, None)


def test_a_use_above_the_label_is_warned_of_and_sold_no_more_for(client: Client) -> None:
    add(client, make_variant(product__label_dose={"foot_g": [100, 250], "max_sessions_per_week": 4}).sku)
    line = CartLine.objects.get()

    shown = words(client.get("/cart", {"line": line.pk, "sessions": "21"}))
    at_the_label = words(client.get("/cart", {"line": line.pk, "sessions": "4"}))

    offered = re.search(r"<strong>(\d+ × every \d+ weeks)</strong> would fit", shown)
    assert offered
    assert offered[0] in at_the_label
    assert "more than the label&#x27;s dose" in shown


def test_what_outlasts_its_shelf_life_is_sold_once_and_said_kindly(client: Client) -> None:
    """1 L at 5 sprays a day would take 1,266 days of the 730 that it keeps."""
    add(client, make_oil(net_content=1000, name="1 L").sku)
    line = CartLine.objects.get()

    shown = words(client.get("/cart", {"line": line.pk, "sprays": "5"}))

    assert "At this use it would pass its best-before date: buy it once." in shown
    assert "lasts about <strong>730 days</strong>" in shown
    assert "Make it" not in shown


@pytest.mark.parametrize("told", [{"sessions": "0"}, {"people": "x"}, {"sprays": "5"}, {"method": "skin"}])
def test_what_is_no_use_is_told_and_offers_nothing(client: Client, told: dict[str, str]) -> None:
    add(client, make_variant().sku)
    line = CartLine.objects.get()

    shown = words(client.get("/cart", {"line": line.pk, **told}))

    assert "Make it" not in shown


def test_what_is_not_on_refill_has_no_offer(client: Client) -> None:
    add(client, make_variant(is_subscribable=False).sku)

    assert "refill-offer" not in words(client.get("/cart"))


def test_the_fields_of_two_lines_have_names_of_their_own(client: Client) -> None:
    add(client, make_variant().sku)
    add(client, make_variant().sku)

    shown = words(client.get("/cart"))

    ids = re.findall(r' id="([^"]+)"', shown)
    assert shown.count("would fit") == 2
    assert len(ids) == len(set(ids))
