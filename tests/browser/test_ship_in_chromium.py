"""A packer's morning in the system's Chromium: ten paid orders leave in a handful of clicks, a box by scanner."""

from typing import TYPE_CHECKING

import pytest

from orders.models import Order, Shipment
from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from tests.factories.catalog import ProductFactory, make_variant, put_in_stock
from tests.factories.parcels import make_allocated_order

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_CLICKS = 15


class Hand:
    """Clicks, and counts its clicks."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, what: "Locator") -> None:
        self.clicks += 1
        what.click()


def sign_in(tab: "Page", shop_url: str) -> None:
    packer = User.objects.create_superuser("pack@shop.example", "pw-of-a-packer")
    registration.vouch_for(packer, at=reading.now())
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto(f"{shop_url}/admin/")
    tab.locator("#id_login").fill("pack@shop.example")
    tab.locator("#id_password").fill("pw-of-a-packer")
    tab.locator("#id_password").press("Enter")


def test_ten_paid_orders_leave_in_at_most_fifteen_clicks(tab: "Page", shop_url: str) -> None:
    at = reading.now()
    flakes = make_variant(product=ProductFactory.create(name="Plain flakes"), stock=0)
    put_in_stock(flakes, 8, code="L26271A", at=at)
    put_in_stock(flakes, 30, code="L26290B", at=at)
    for _ in range(10):
        make_allocated_order(variant=flakes, units=2, at=at)
    sign_in(tab, shop_url)
    hand = Hand()

    hand.click(tab.get_by_role("link", name="To pick").first)
    hand.click(tab.get_by_role("button", name="Make the pick list"))
    hand.click(tab.get_by_role("button", name="Pack 10 orders"))
    numbers = tab.get_by_role("textbox", name="Tracking number of parcel")
    for number, field in enumerate(numbers.all()):
        field.fill(f"QX{number}23456785GB")
    tab.get_by_label("Carrier").select_option("Royal Mail")
    hand.click(tab.get_by_role("button", name="Dispatch the ticked"))
    tab.get_by_text("10 parcels dispatched").wait_for()

    assert hand.clicks == 4 <= MOST_CLICKS
    assert Order.objects.filter(fulfilment_status="fulfilled").count() == 10
    assert Shipment.objects.exclude(tracking_number="").count() == 10


def test_a_box_is_packed_without_a_mouse(tab: "Page", shop_url: str) -> None:
    at = reading.now()
    flakes = make_variant(gtin="9520001000010", stock=0)
    put_in_stock(flakes, 8, code="L26271A", at=at)
    order = make_allocated_order(variant=flakes, units=2, at=at)
    sign_in(tab, shop_url)
    tab.get_by_role("link", name="To pick").first.wait_for()
    tab.goto(f"{shop_url}/admin/orders/shipment/pack/{order.pk}/")

    for number, code in enumerate(("9520001000010", "L26271A"), start=1):
        # a scanner's keys go to whatever has the focus: not before the page has given it to the field
        tab.locator("input:focus").wait_for()
        tab.keyboard.type(code)
        tab.keyboard.press("Enter")
        tab.get_by_text(f"In the parcel: {number} of 2.").wait_for()
    tab.keyboard.press("Enter")
    tab.get_by_text("is packed: write that on the box").wait_for()

    assert Shipment.objects.get().lines.get().quantity == 2
