"""What staff change before packing: where an order goes, and how much of it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog import inventory
from catalog.models import StockLevel
from orders import amendments, refunds, shipments, units
from orders.models import Order, StripeRefund, TaxRate
from shop.accounts.models import User
from shop.exceptions import InvalidInput
from tests.factories.catalog import AT, make_bundle, make_variant
from tests.factories.orders import HOME
from tests.factories.parcels import make_allocated_order, pack, send
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_superuser("clerk@shop.example", "pw")


def test_an_order_goes_elsewhere_in_its_zone_and_the_timeline_says_who_did_it(
    regions: None, clerk: User
) -> None:
    order = make_allocated_order()
    new = {**HOME, "line1": "3 Quay Street", "city": "Bristol", "postal_code": "bs1 5dp"}

    amendments.change_address(order, new, actor=clerk, at=AT)

    order.refresh_from_db()
    assert (order.shipping_address["line1"], order.shipping_address["postal_code"]) == (
        "3 Quay Street",
        "BS1 5DP",
    )
    assert order.billing_address == HOME
    event = order.events.get(kind="address_changed")
    assert (event.actor, event.message) == (clerk, "Delivery address changed: line1, city, postal code.")
    assert pack(order).address["city"] == "Bristol"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"postal_code": "BT1 1AA"}, amendments.AddressChangesPrice),
        ({"country": "DE", "postal_code": "10115"}, amendments.AddressChangesPrice),
        ({"country": "AU", "postal_code": "2000"}, Exception),
        ({"postal_code": "10115"}, InvalidInput),
        ({"line1": ""}, InvalidInput),
    ],
    ids=["another zone", "another country", "not shipped there", "no British postcode", "no street"],
)
def test_an_address_with_another_price_is_refused(
    change: Any, error: Any, regions: None, clerk: User
) -> None:
    order = make_allocated_order()

    with pytest.raises(error):
        amendments.change_address(order, {**HOME, **change}, actor=clerk, at=AT)

    order.refresh_from_db()
    assert order.shipping_address == HOME
    assert not order.events.filter(kind="address_changed").exists()


def test_a_state_with_another_tax_is_refused(regions: None, clerk: User) -> None:
    home = {**HOME, "country": "US", "region": "NY", "postal_code": "10001"}
    order = make_allocated_order(
        country="US", shipping_zone="US-48", shipping_address=home, currency="USD", tax_included=True
    )
    TaxRate.objects.update_or_create(
        country="US", region="TX", tax_code="standard", starts_on=AT.date(),
        defaults={"name": "TX", "rate": "99"},
    )  # fmt: skip

    with pytest.raises(amendments.AddressChangesPrice, match="tax rate"):
        amendments.change_address(order, {**home, "region": "TX", "postal_code": "73301"}, actor=clerk, at=AT)


def test_a_packed_order_keeps_its_address_until_the_parcel_is_opened(regions: None, clerk: User) -> None:
    order = make_allocated_order()
    parcel = pack(order)
    new = {**HOME, "line1": "3 Quay Street"}

    with pytest.raises(amendments.AlreadyPacked):
        amendments.change_address(order, new, actor=clerk, at=AT)
    shipments.unpack(parcel, reason="moved", actor=clerk, at=AT)
    amendments.change_address(order, new, actor=clerk, at=AT)
    gone = send(order)

    with pytest.raises(amendments.AlreadyPacked, match="has left"):
        amendments.change_address(order, HOME, actor=clerk, at=AT)
    assert gone.address["line1"] == "3 Quay Street"
    shipments.mark_lost(gone, reason="wrong street", actor=clerk, at=AT)
    assert amendments.change_address(order, HOME, actor=clerk, at=AT).shipping_address == HOME


def test_pieces_taken_off_are_paid_back_and_on_sale_again(till: Till, clerk: User) -> None:
    variant = make_variant(sku="FLK", stock=5, prices={"GBP": 1195})
    order = till.bought(("FLK", 3))
    line = order.lines.get()
    desk = Client()
    desk.force_login(clerk)
    button = reverse("admin:orders_order_remove_pieces", args=[order.pk])
    typed = {
        f"line_{line.pk}": "2",
        "reason": "asked by phone",
        "expected_left": refunds.refundable(order.payment),
    }

    desk.post(button, typed)
    again = desk.post(button, typed, follow=True).content.decode()

    refund = StripeRefund.objects.get()
    assert (refund.amount, refund.status, refund.requested_by) == (2390, "succeeded", clerk)
    assert "refunded meanwhile" in again or "At most" in again or "less than or equal" in again
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (5, 1)
    assert send(Order.objects.get()).lines.get().quantity == 1
    assert order.events.get(kind="pieces_removed").message == "Taken off the order: 2 × FLK. asked by phone"
    assert inventory.differences() == []


def test_a_bundle_is_taken_off_with_all_its_parts(clerk: User) -> None:
    flakes, oil = make_variant(sku="FLK", stock=9), make_variant(sku="OIL", stock=9)
    order = make_allocated_order(variant=make_bundle([(flakes, 2), (oil, 1)]), units=3)
    line = order.lines.get()

    amendments.remove_pieces(order, {line.pk: 1}, reason="-", actor=clerk, expected_left=4145, at=AT)

    assert units.to_pack(order) == {line.pk: 2}
    assert {level.variant.sku: level.reserved for level in StockLevel.objects.all()} == {"FLK": 4, "OIL": 2}


def test_what_is_in_a_parcel_or_would_leave_nothing_is_not_taken_off(clerk: User) -> None:
    variant = make_variant(stock=9)
    order = make_allocated_order(variant=variant, units=2)
    line = order.lines.get()
    given = {"reason": "-", "actor": clerk, "expected_left": 2895, "at": AT}

    with pytest.raises(amendments.CancelInstead):
        amendments.remove_pieces(order, {line.pk: 2}, **given)
    shipments.pack(
        order, [shipments.Take(line.components.get().pk, variant.lots.get().pk, 1)], actor=None, at=AT
    )
    with pytest.raises(units.NotThatMany):
        amendments.remove_pieces(order, {line.pk: 2}, **given)

    assert not StripeRefund.objects.exists()
    assert StockLevel.objects.get(variant=variant).reserved == 2


def test_the_address_page_says_what_is_wrong_beside_its_field(regions: None, clerk: User) -> None:
    order = make_allocated_order()
    desk = Client()
    desk.force_login(clerk)
    button = reverse("admin:orders_order_change_address", args=[order.pk])

    wrong = desk.post(button, {**HOME, "postal_code": "10115"}).content.decode()
    control = desk.post(button, {**HOME, "line1": "a\x0bb"}).content.decode()

    assert "This is not a British postcode, such as SW1A 1AA." in wrong
    assert "without control characters" in control
    order.refresh_from_db()
    assert order.shipping_address == HOME
