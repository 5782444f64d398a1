"""What a customs form says: needed beyond the border, exact to the penny, refused where a code is missing."""

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from orders import customs, shipments
from orders.models import Order, Shipment
from shop.accounts.models import User
from tests.factories.catalog import AT, make_bundle, make_variant
from tests.factories.orders import HOME
from tests.factories.parcels import make_allocated_order, pack, takes_of

AMERICA = {**HOME, "country": "US", "region": "NY", "postal_code": "10001"}


@pytest.mark.parametrize(
    ("country", "postal_code", "needed"),
    [
        ("GB", "LS1 4AB", False), ("GB", "BT1 1AA", False), ("IM", "IM1 1AA", False), ("GB", "JE2 3AB", True),
        ("GB", "GY1 1AA", True), ("US", "10001", True), ("DE", "10115", True), ("IE", "", True),
    ],
)  # fmt: skip
def test_a_parcel_from_britain_needs_a_form_beyond_its_customs_territory(
    country: str, postal_code: str, needed: bool
) -> None:
    assert customs.is_needed({"country": country, "postal_code": postal_code}) is needed


@pytest.mark.parametrize(("country", "needed"), [("FR", False), ("DE", False), ("GB", True), ("CH", True)])
def test_a_parcel_from_the_union_needs_none_within_it(country: str, needed: bool, settings: object) -> None:
    settings.SHIPS_FROM_COUNTRY = "DE"  # type: ignore[attr-defined]

    assert customs.is_needed({"country": country, "postal_code": "1"}) is needed


def abroad(*, units: int = 3, **facts: str) -> Order:
    product = {"product__hs_code": "3307.30", "product__origin_country": "NL", **facts}
    return make_allocated_order(
        variant=make_variant(sku="FLK", stock=9, **product), units=units, shipping_address=AMERICA
    )


@pytest.mark.django_db
def test_the_form_names_code_origin_weight_and_net_value() -> None:
    order = abroad()

    facts = pack(order).customs

    [line] = facts["lines"]
    assert (facts["needed"], facts["from"], facts["to"], facts["currency"]) == (True, "GB", "US", "GBP")
    assert (line["hs_code"], line["origin"], line["quantity"], line["weight_g"]) == ("3307.30", "NL", 3, 3135)
    assert line["value"] == facts["value"] == order.lines.get().net == 3125


@pytest.mark.django_db
def test_the_values_of_partial_parcels_sum_to_the_lines_net_price() -> None:
    order = abroad(units=3)
    take = takes_of(order)[0]

    values = [
        shipments.pack(order, [shipments.Take(take.component_id, take.lot_id, 1)], actor=None, at=AT).customs[
            "value"
        ]
        for _ in range(3)
    ]

    assert values == [1042, 1042, 1041]
    assert sum(values) == order.lines.get().net


@pytest.mark.django_db
def test_a_bundle_is_declared_by_its_parts() -> None:
    facts = {"product__hs_code": "3307.30", "product__origin_country": "NL"}
    flakes, oil = (
        make_variant(sku="FLK", **facts),
        make_variant(sku="OIL", **{**facts, "product__hs_code": "3304.99"}),
    )
    order = make_allocated_order(
        variant=make_bundle([(flakes, 2), (oil, 1)]), units=1, shipping_address=AMERICA
    )

    declared = pack(order).customs

    assert [(line["sku"], line["hs_code"], line["quantity"]) for line in declared["lines"]] == [
        ("FLK", "3307.30", 2), ("OIL", "3304.99", 1),
    ]  # fmt: skip
    assert declared["value"] == order.lines.get().net


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["product__hs_code", "product__origin_country"])
def test_a_parcel_abroad_without_code_or_origin_is_not_packed_until_it_is_filled_in(missing: str) -> None:
    order = abroad(**{missing: ""})
    takes = takes_of(order)

    with pytest.raises(customs.CustomsIncomplete, match="FLK"):
        shipments.pack(order, takes, actor=None, at=AT)
    product = order.lines.get().variant.product
    setattr(product, missing.removeprefix("product__"), "NL" if "origin" in missing else "3307.30")
    product.save()

    assert not Shipment.objects.exists()
    assert shipments.pack(order, takes, actor=None, at=AT).customs_needed


@pytest.mark.django_db
def test_the_carriers_file_and_the_parcels_page_carry_the_form(db: None) -> None:
    parcel = pack(abroad())
    desk = Client()
    desk.force_login(User.objects.create_superuser("boss@shop.example", "pw"))

    file = desk.post("/admin/orders/shipment/to-dispatch/", {"parcel": [parcel.reference], "action": "file"})
    page = desk.get(reverse("admin:orders_shipment_change", args=[parcel.pk])).content.decode()

    [row] = csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode()))
    assert (row["customs"], row["hs_codes"], row["origin"], row["value"]) == ("yes", "3307.30", "NL", "31.25")
    assert "Customs form: sale of goods, from GB to US" in page
    assert "£31.25" in page
