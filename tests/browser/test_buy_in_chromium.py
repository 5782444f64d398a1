"""A stranger buys, in the system's Chromium: shop, Stripe's double and webhooks over real ports."""

from typing import TYPE_CHECKING

import pytest

from orders.models import Order, Subscription
from shop.mail.models import OutboxMessage
from tests.factories.catalog import ProductFactory, make_variant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def order_flakes(tab: "Page", shop_url: str, *, on_refill: bool = False) -> None:
    """Go from the shop's list to the payment page."""
    make_variant(product=ProductFactory.create(name="Plain flakes"))
    tab.goto(shop_url)
    tab.get_by_role("link", name="Plain flakes").click()
    if on_refill:
        tab.get_by_label("As a refill").check()
    tab.get_by_role("button", name="Add to cart").click()
    tab.get_by_role("link", name="To the checkout").click()
    tab.get_by_label("E-mail", exact=True).fill("ada@buyer.example")
    tab.get_by_label("Full name").fill("Ada Buyer")
    tab.get_by_label("Address", exact=True).fill("12 Canal Street")
    tab.get_by_label("Postcode").fill("LS1 4AP")
    tab.get_by_label("Town or city").fill("Leeds")
    for consent in tab.get_by_role("checkbox").all():
        consent.check()
    tab.get_by_role("button", name="Order with obligation to pay").click()
    tab.wait_for_url("**/pay/**")


def pay_with(tab: "Page", number: str) -> None:
    tab.get_by_label("Card number").fill(number)
    tab.locator("#expiry").fill("12 / 34")
    tab.locator("#cvc").fill("123")
    tab.locator("#pay-button").click()


def see_it_paid(tab: "Page") -> None:
    tab.get_by_role("heading", name="Thank you, your order is paid").wait_for()
    assert "payment_intent" not in tab.url
    assert Order.objects.get().payment_status == "paid"


def test_a_stranger_buys_and_the_mail_arrives(tab: "Page", shop_url: str) -> None:
    order_flakes(tab, shop_url)

    pay_with(tab, "4242424242424242")

    see_it_paid(tab)
    assert OutboxMessage.objects.get(kind="order_confirmation").to == "ada@buyer.example"
    tab.goto(f"{shop_url}/mails")
    tab.frame_locator("iframe").first.get_by_text("Thank you for your order").wait_for()


def test_a_declined_card_is_told_in_place_and_another_one_pays(tab: "Page", shop_url: str) -> None:
    order_flakes(tab, shop_url)

    pay_with(tab, "4000000000000002")
    tab.get_by_text("Your card was declined. Nothing was charged.").wait_for()
    assert "/pay/" in tab.url
    pay_with(tab, "4242424242424242")

    see_it_paid(tab)


def test_three_d_secure_leads_to_the_bank_and_back(tab: "Page", shop_url: str) -> None:
    order_flakes(tab, shop_url)

    pay_with(tab, "4000000000003220")
    tab.get_by_role("button", name="Complete").click()

    see_it_paid(tab)


def test_a_refused_challenge_leads_back_to_another_card(tab: "Page", shop_url: str) -> None:
    order_flakes(tab, shop_url)

    pay_with(tab, "4000000000003220")
    tab.get_by_role("button", name="Fail").click()
    tab.get_by_role("link", name="Pay with another card").click()
    pay_with(tab, "4242424242424242")

    see_it_paid(tab)


def test_a_refill_begins_with_the_first_payment(tab: "Page", shop_url: str) -> None:
    order_flakes(tab, shop_url, on_refill=True)

    pay_with(tab, "4242424242424242")

    see_it_paid(tab)
    tab.get_by_role("heading", name="Your refills").wait_for()
    assert Subscription.objects.get().status == "active"


def test_another_way_to_ship_brings_the_total_up_to_date_by_itself(tab: "Page", shop_url: str) -> None:
    make_variant(product=ProductFactory.create(slug="flakes"))
    tab.goto(f"{shop_url}/products/flakes")
    tab.get_by_role("button", name="Add to cart").click()
    tab.get_by_role("link", name="To the checkout").click()
    tab.get_by_label("Full name").fill("Ada Buyer")

    tab.get_by_label("Tracked").click()

    tab.get_by_role("button", name="Order with obligation to pay — £17.95").wait_for()
    assert tab.get_by_label("Full name").input_value() == "Ada Buyer"
