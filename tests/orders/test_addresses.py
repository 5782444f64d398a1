"""Addresses: put in order, doubted in words, refused only where zone or tax would be a guess."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orders import address_hints, addresses
from orders.models import Cart, Order, ShippingZone
from shop.exceptions import InvalidInput
from tests.factories.catalog import make_variant
from tests.factories.orders import HOME, make_paid_order
from tests.till import ADDRESS, Till

BERLIN = {**ADDRESS, "city": "Berlin", "postal_code": "10115", "country": "DE"}
LA = {**ADDRESS, "city": "Los Angeles", "postal_code": "90001", "region": "CA", "country": "US"}


def hints_of(**changes: str) -> list[tuple[str, str]]:
    found = address_hints.hints(addresses.normalise({**HOME, **changes}))
    return [(hint.field, hint.code) for hint in found]


@pytest.mark.parametrize(
    ("field", "typed", "kept", "country"),
    [
        ("postal_code", "ls14ab", "LS1 4AB", "GB"),
        ("postal_code", "LS1  4AB", "LS1 4AB", "GB"),
        ("postal_code", "1234 ab", "1234 AB", "NL"),
        ("postal_code", "nonsense", "NONSENSE", "GB"),
        ("region", "California", "CA", "US"),
        ("region", "ca", "CA", "US"),
        ("region", "Atlantis", "Atlantis", "US"),
        ("phone", "0113 496 0000", "+441134960000", "GB"),
        ("phone", "+49 30 901820", "+4930901820", "GB"),
        ("phone", "030 901820", "+4930901820", "DE"),
        ("phone", "ring twice", "ring twice", "GB"),
        ("name", "Ada\r\nBcc: x\u202e Byron", "Ada Bcc: x Byron", "GB"),
        ("line1", "\u200b12  Millpond\tLane ", "12 Millpond Lane", "GB"),
    ],
)
def test_an_address_is_put_in_order_and_what_is_unknown_stays_as_typed(
    field: str, typed: str, kept: str, country: str
) -> None:
    assert addresses.normalise({**HOME, "country": country, field: typed})[field] == kept


@pytest.mark.parametrize(
    ("changes", "hints"),
    [
        ({}, []),
        ({"country": "DE", "postal_code": "10115"}, []),
        ({"country": "DE", "postal_code": "LS1 4AB"}, [("postal_code", "postal_code_unusual")]),
        ({"country": "LU", "postal_code": "L-4750"}, []),
        ({"country": "LV", "postal_code": "LV-1073"}, []),
        ({"country": "IE", "postal_code": ""}, []),
        ({"country": "US", "postal_code": "90001", "region": "CA"}, []),
        (
            {"country": "US", "postal_code": "10001", "region": "CA"},
            [("postal_code", "postal_code_elsewhere")],
        ),
        ({"country": "US", "postal_code": "90001", "region": "Atlantis"}, [("region", "region_unknown")]),
        ({"country": "IT", "postal_code": "00144", "region": ""}, [("region", "region_missing")]),
        ({"phone": "12"}, [("phone", "phone_unusual")]),
        ({"country": "ZZ", "postal_code": "?"}, []),
        ({"country": "XQ", "postal_code": "?"}, []),
    ],
    ids=str,
)
def test_what_looks_odd_is_said(changes: dict[str, str], hints: list[tuple[str, str]]) -> None:
    assert hints_of(**changes) == hints


def test_a_hint_names_what_was_typed_and_what_is_usual() -> None:
    [hint] = address_hints.hints({**HOME, "country": "DE"})

    assert hint.detail == "“LS1 4AB” does not look like a postcode of Germany, such as 26133."


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"postal_code": "10115"}, "postal_code"),
        ({"postal_code": ""}, "postal_code"),
        ({"name": ""}, "name"),
        ({"country": "US", "postal_code": "90001", "region": ""}, "region"),
        ({"country": "US", "postal_code": "90001", "region": "Atlantis"}, "region"),
        ({"country": "DE", "postal_code": ""}, "postal_code"),
    ],
    ids=str,
)
def test_an_order_needs_what_zone_and_tax_hang_on(changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        addresses.check({**HOME, **changes}, where="shipping_address")

    assert set(refused.value.fields) == {f"shipping_address.{field}"}


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "DE", "postal_code": "LS1 4AB"},
        {"country": "IE", "postal_code": ""},
        {"country": "US", "postal_code": "10001", "region": "CA"},
        {"country": "IT", "postal_code": "00144", "region": ""},
        {"phone": "ring twice"},
    ],
    ids=str,
)
def test_everything_else_is_ordered_as_it_is(changes: dict[str, str]) -> None:
    addresses.check({**HOME, **changes}, where="shipping_address")


@pytest.mark.usefixtures("regions")
def test_the_countries_that_need_a_right_postcode_or_region_are_those_whose_zones_ask_for_it() -> None:
    by_code, by_region = set(), set()
    for zone in ShippingZone.objects.all():
        by_code |= set(zone.countries) if zone.include_postcode_prefixes else set()
        by_region |= set(zone.countries) if zone.include_regions else set()

    assert by_code == addresses.ZONED_BY_POSTAL_CODE
    assert by_region == addresses.ZONED_BY_REGION


@pytest.mark.django_db
def test_a_cart_shows_hints_and_can_still_be_ordered(till: Till) -> None:
    make_variant(sku="FLK", prices={"EUR": 1450})
    token = till.cart(("FLK", 1))
    address = {**BERLIN, "postal_code": "1011", "phone": "ring twice"}

    body = till.send("PATCH", f"carts/{token}", {"shipping_address": address}).json()

    assert [(hint["field"], hint["code"]) for hint in body["hints"]] == [
        ("shipping_address.postal_code", "postal_code_unusual"),
        ("shipping_address.phone", "phone_unusual"),
    ]
    assert till.check_out(token).status_code == 201
    assert Order.objects.get().shipping_address["postal_code"] == "1011"


@pytest.mark.django_db
def test_a_billing_address_is_doubted_too(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))

    body = till.send("PATCH", f"carts/{token}", {"billing_address": {**BERLIN, "postal_code": "X"}}).json()

    assert [hint["field"] for hint in body["hints"]] == ["billing_address.postal_code"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "field", ["name", "line1", "line2", "city", "postal_code", "company", "phone", "region"]
)
@pytest.mark.parametrize("typed", ["\u202e", "\u200b\u2066", "\u00ad"])
def test_text_that_shows_nothing_is_refused_at_the_door(till: Till, field: str, typed: str) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    before = Cart.objects.get().shipping_address

    answer = till.send("PATCH", f"carts/{token}", {"shipping_address": {**ADDRESS, field: typed}})

    assert answer.status_code == 400
    assert field in answer.json()["errors"]["shipping_address"]
    assert Cart.objects.get().shipping_address == before


@pytest.mark.django_db
def test_an_address_in_america_needs_its_state_and_the_checkout_says_so(till: Till) -> None:
    make_variant(sku="FLK", prices={"USD": 1595})
    token = till.cart(("FLK", 1))
    till.send("PATCH", f"carts/{token}", {"shipping_address": {**LA, "region": ""}})

    answer = till.check_out(token)

    assert (answer.status_code, answer.json()["code"]) == (400, "address_incomplete")
    assert "shipping_address.region" in answer.json()["errors"]
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("regions", "stripe_side")
class TestThePage:
    """The storefront asks once; "use it anyway" holds for that very address."""

    def send(self, client: Client, **fields: Any) -> Any:
        token = (
            client.get("/checkout").content.decode().split('name="expected_total" value="')[1].split('"')[0]
        )
        details = {**BERLIN, "email": "ada@buyer.example", "shipping_method": "standard", "terms": "on"}
        return client.post("/checkout", {**details, "expected_total": token, **fields})

    def fill(self, client: Client) -> None:
        variant = make_variant(prices={"GBP": 1250, "EUR": 1450})
        client.post("/cart/add", {"sku": variant.sku, "quantity": 1})
        client.post("/country", {"country": "DE"})

    def test_an_odd_address_is_asked_about_and_then_used(self, client: Client) -> None:
        self.fill(client)

        asked = self.send(client, postal_code="LS1 4AB")

        shown = asked.content.decode()
        assert asked.status_code == 200
        assert "does not look like a postcode of Germany" in shown
        assert not Order.objects.exists()
        seen = shown.split('name="use_anyway"')[1].split('value="')[1].split('"')[0]

        other = self.send(client, postal_code="LS1 4AX", use_anyway=seen)
        assert (other.status_code, Order.objects.exists()) == (200, False)

        done = self.send(client, postal_code="LS1 4AB", use_anyway=seen)
        assert done.headers["Location"].startswith("/pay/")
        assert Order.objects.get().shipping_address["postal_code"] == "LS1 4AB"

    def test_a_usual_address_is_not_asked_about(self, client: Client) -> None:
        self.fill(client)

        assert self.send(client).headers["Location"].startswith("/pay/")

    def test_a_name_that_shows_nothing_is_no_name(self, client: Client) -> None:
        self.fill(client)

        answer = self.send(client, name="\u202e")

        assert (answer.status_code, Order.objects.exists()) == (422, False)
        assert "This field is required." in answer.content.decode()


def test_staff_see_the_doubt_beside_the_address(db: None, admin_client: Client) -> None:
    order = make_paid_order(country="DE", shipping_address={**HOME, "country": "DE"})

    page = admin_client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert "does not look like a postcode of Germany" in page
