"""Where a parcel goes: zones by country, postcode and state, bands by weight, and what cannot be sent is said."""

from datetime import timedelta
from typing import Any

import pytest

from orders import shipping
from orders.models import Order, ShippingZone, TaxRate
from tests.factories.catalog import AT, make_variant
from tests.till import ADDRESS, Till

pytestmark = pytest.mark.django_db

EVERY = {"GBP": 1000, "EUR": 1000, "USD": 1000}


def _send_to(till: Till, token: str, **address: str) -> dict[str, Any]:
    body = {"shipping_address": {**ADDRESS, **address}, "shipping_method": "standard"}
    answer = till.send("PATCH", f"carts/{token}", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def _codes(cart: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in cart["problems"]]


@pytest.mark.parametrize(
    ("country", "postcode", "region", "zone"),
    [
        ("GB", "LS1 4AB", "", "GB"),
        ("GB", "bt1 5gs", "", "GB-NI"),
        ("GB", "B1 1AA", "", "GB"),
        ("DE", "10115", "", "EU-1"),
        ("DE", "BT1 5GS", "", "EU-1"),
        ("GR", "10431", "", "EU-2"),
        ("US", "97201", "OR", "US-48"),
        ("US", "99501", "ak", "US-AKHI"),
        ("US", "00901", "PR", "US-AKHI"),
    ],
)
def test_the_six_zones_by_country_postcode_and_state(
    regions: None, country: str, postcode: str, region: str, zone: str
) -> None:
    found = shipping.zone_for(country=country, postal_code=postcode, region=region)

    assert found.zone.code == zone
    assert ShippingZone.objects.count() == 6


@pytest.mark.parametrize(
    ("country", "postcode"), [("AU", "2000"), ("GB", "JE2 3AB"), ("GB", "IM1 1AA"), ("ZZ", "1")]
)
def test_a_place_we_do_not_ship_to_is_said_and_not_ordered(till: Till, country: str, postcode: str) -> None:
    make_variant(sku="FLK", prices=EVERY)
    token = till.cart(("FLK", 1))

    cart = _send_to(till, token, country=country, postal_code=postcode)
    answer = till.check_out(token, total=cart["totals"]["total"]["amount"])

    assert "not_shipped_there" in _codes(cart)
    assert till.send("GET", f"carts/{token}/shipping-methods").json() == {"results": []}
    assert (answer.status_code, answer.json()["code"]) == (400, "cart_incomplete")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("grams", "price"), [(750, 345), (751, 395), (2000, 395), (10_000, 595), (30_000, 1395)]
)
def test_the_price_follows_the_weight_up_to_each_band(till: Till, grams: int, price: int) -> None:
    make_variant(sku="FLK", prices=EVERY, gross_weight_g=grams)

    cart = till.send("GET", f"carts/{till.cart(('FLK', 1))}").json()

    assert cart["totals"]["shipping"]["amount"] == price
    assert cart["problems"] == []


def test_a_parcel_of_forty_kilograms_is_too_heavy(till: Till) -> None:
    make_variant(sku="FLK", prices=EVERY, gross_weight_g=10_000, stock=10)
    token = till.cart(("FLK", 4))

    cart = till.send("GET", f"carts/{token}").json()
    answer = till.check_out(token)

    assert _codes(cart) == ["too_heavy"]
    assert answer.status_code == 400
    assert not Order.objects.exists()


@pytest.mark.parametrize(("value", "delivery"), [(3499, 395), (3500, 0)], ids=["a penny less", "free over"])
def test_delivery_is_free_from_a_value(till: Till, value: int, delivery: int) -> None:
    make_variant(sku="FLK", prices={"GBP": value})

    cart = till.send("GET", f"carts/{till.cart(('FLK', 1))}").json()

    assert cart["totals"]["shipping"]["amount"] == delivery


@pytest.mark.parametrize("postcode", ["10115", "97201", "BT", "LS1"])
def test_where_the_postcode_decides_the_zone_one_of_another_country_is_refused(
    till: Till, postcode: str
) -> None:
    make_variant(sku="FLK", prices=EVERY)
    token = till.cart(("FLK", 1))
    _send_to(till, token, country="GB", postal_code=postcode)

    answer = till.check_out(token)

    assert answer.status_code == 400
    assert "shipping_address.postal_code" in answer.json()["errors"]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("country", "postcode"), [("US", "LS1 4AB"), ("DE", "BT1 5GS"), ("FR", "97201-1234")]
)
def test_elsewhere_it_is_a_hint_and_changes_neither_zone_nor_tax(
    till: Till, country: str, postcode: str
) -> None:
    make_variant(sku="FLK", prices=EVERY)
    token = till.cart(("FLK", 1))
    region = "OR" if country == "US" else ""
    right = _send_to(till, token, country=country, postal_code="97201", region=region)

    odd = _send_to(till, token, country=country, postal_code=postcode, region=region)

    assert odd["hints"], "it is said"
    assert (odd["totals"], odd["problems"]) == (right["totals"], right["problems"])


@pytest.mark.parametrize("region", ["CA", "ca"])
def test_a_state_is_taxed_in_any_case_of_letters(till: Till, region: str) -> None:
    make_variant(sku="FLK", prices=EVERY)
    token = till.cart(("FLK", 1))

    cart = _send_to(till, token, country="US", postal_code="93650", region=region)

    assert cart["totals"]["tax"]["amount"] == 73 + 65


def test_a_rate_holds_from_its_day_to_its_last(till: Till) -> None:
    make_variant(sku="FLK", prices=EVERY)
    token = till.cart(("FLK", 1))
    TaxRate.objects.filter(country="GB").update(ends_on=AT.date() - timedelta(days=1))
    TaxRate.objects.create(country="GB", name="VAT", rate=25, starts_on=AT.date())

    cart = till.send("GET", f"carts/{token}").json()

    assert cart["totals"]["tax"]["amount"] == 200 + 79, "25 % within 1000 and within 395"
    assert cart["totals"]["total"]["amount"] == 1395
