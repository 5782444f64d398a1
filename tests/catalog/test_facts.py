"""What a label says: kept whole, checked before it is kept, and shown wherever somebody decides."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.urls import reverse

from catalog.cautions import TEXTS
from catalog.models import Product, ProductImage, Variant
from shop.accounts import roles
from shop.accounts.models import User
from tests.catalog.test_pictures import send, with_picture
from tests.factories.catalog import make_oil, make_variant

pytestmark = pytest.mark.django_db


def test_every_sample_product_keeps_to_the_rules(loaded: None) -> None:
    for product in Product.objects.all():
        product.full_clean()
    for variant in Variant.objects.all():
        variant.full_clean()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("caution_codes", ["EXT_ONLY", "NOTHING"]),
        ("directions", ["step"]),
        ("directions", {"nose": ["sniff"]}),
        ("directions", {"foot": "one"}),
        ("directions", {"foot": ["", "two"]}),
        ("label_dose", {"foot_g": 150}),
        ("label_dose", {"foot_g": [250, 100]}),
        ("label_dose", {"foot_g": [0, 100]}),
        ("label_dose", {"foot_g": ["100", "250"]}),
        ("label_dose", {"spoons": [1, 2]}),
        ("label_dose", {"max_sessions_per_week": 0}),
        ("label_dose", {"max_sessions_per_week": True}),
        ("usage_defaults", {"minutes": 20}),
        ("usage_defaults", {"foot_g": [100, 200]}),
        ("usage_defaults", {"sessions_per_week": 2.5}),
        ("usage_defaults", 7),
        ("origin_country", "nl"),
        ("hs_code", "3307"),
        ("hs_code", "salt"),
    ],
)
def test_what_no_page_could_show_is_refused_by_its_field(name: str, value: Any) -> None:
    product = make_variant().product
    setattr(product, name, value)

    with pytest.raises(ValidationError) as refused:
        product.full_clean()

    assert list(refused.value.message_dict) == [name]


@pytest.mark.parametrize("gtin", ["9520001000011", "952000100001", "abcdefghijklm", "0"])
def test_a_gtin_with_a_wrong_digit_is_refused(gtin: str) -> None:
    variant = make_variant(gtin="9520001000010")
    variant.full_clean()
    variant.gtin = gtin

    with pytest.raises(ValidationError) as refused:
        variant.full_clean()

    assert list(refused.value.message_dict) == ["gtin"]


def test_the_api_shows_every_fact(client: Any, loaded: None) -> None:
    found = client.get("/api/v1/products/magnesium-bath-flakes-lavender").json()

    assert found["attributes"] == {
        "inci": "Magnesium Chloride, Lavandula Angustifolia Oil, Linalool, Linalyl Acetate, Limonene",
        "mgcl2_percent": 46.6, "form": "flake", "scent": "lavender",
        "fragrance_allergens": ["Linalool", "Linalyl Acetate", "Limonene"], "material": "", "origin_country": "NL",
        "origin_note": "Zechstein salt; sample value, to be confirmed by each lot's certificate",
        "grade": "cosmetic grade; certificate of analysis for each lot", "vegan": True, "durability_months": 36,
        "pao_months": 12, "hs_code": "3307.30",
    }  # fmt: skip
    assert found["return_rule"] == "sealed_hygiene"
    assert [guide["method"] for guide in found["usage"]] == ["foot", "bath"]
    assert {row["code"]: row["text"] for row in found["cautions"]}["NUMB_FEET"] == TEXTS["NUMB_FEET"]
    assert found["storage"].startswith("Keep the pouch shut")
    assert "measuring-scoop-50g" in [row["slug"] for row in found["pairs_with"]]
    size = found["variants"][0]
    assert (size["sku"], size["gtin"], size["net_content"]) == (
        "FLK-LAV-0500", "9520001000096", {"value": 500, "unit": "g"}
    )  # fmt: skip
    assert (size["gross_weight_g"], size["dimensions_mm"]) == (
        530,
        {"length": 210, "width": 150, "height": 55},
    )
    assert (size["min_remaining_life_days"], size["is_subscribable"]) == (60, True)


@pytest.mark.parametrize(
    ("slug", "percent", "mg_per_ml"),
    [("magnesium-bath-flakes-unscented", 12.0, None), ("magnesium-oil-spray-full-strength", 7.9, 101)],
)
def test_magnesium_is_computed(
    client: Any, loaded: None, slug: str, percent: float, mg_per_ml: int | None
) -> None:
    found = client.get(f"/api/v1/products/{slug}").json()["magnesium"]

    assert (found["percent"], found["mg_per_ml"]) == (percent, mg_per_ml)


def test_the_page_shows_every_fact_and_its_warnings_open(client: Any, loaded: None, regions: None) -> None:
    page = " ".join(client.get("/products/magnesium-bath-flakes-lavender").content.decode().split())

    for words in (
        "Lavandula Angustifolia Oil", "46.6 % by weight", "11.9 % by weight", "lavender", "Linalyl Acetate",
        "Netherlands", "cosmetic grade", "36 months from making", "use within 12 months", "3307.30",
        "Keep the pouch shut", "as long as the seal is shut", "9520001000096", "FLK-LAV-0500", "210 × 150 × 55 mm",
        "60 days to best before", "100–250 g", "250–500 g", "50 g Measuring Scoop", "Made and sold by",
        "Responsible person", "hello@shop.example", TEXTS["SLIP"],
    ):  # fmt: skip
        assert words in page, words
    assert '<section class="block safety" aria-labelledby="safety"> <details open>' in page


def described(client: Any, slug: str) -> list[dict[str, Any]]:
    page = client.get(f"/products/{slug}").content.decode()
    [script] = re.findall(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', page, re.DOTALL)
    found = json.loads(script)
    assert found["@context"] == "https://schema.org"
    return found["@graph"]


def test_search_engines_are_told_what_the_page_says(client: Any) -> None:
    small = make_variant(stock=5, prices={"GBP": 1195}, sku="FLK-1", gtin="9520001000010", name="1 kg pouch")
    make_variant(
        product=small.product, stock=0, prices={"GBP": 700}, sku="FLK-2", name="500 g pouch", net_content=500
    )
    picture = with_picture(small.product)

    product, crumbs = described(client, small.product.slug)

    address = f"http://testserver/products/{small.product.slug}"
    assert (product["@type"], product["name"], product["url"]) == ("Product", small.product.name, address)
    assert product["image"] == [f"http://testserver/media/{picture.renditions[-1]['name']}"]
    assert set(product) & {"aggregateRating", "review", "MedicalEntity"} == set()
    first, second = product["offers"]
    assert first["@type"] == "Offer"
    assert (first["price"], first["priceCurrency"], first["sku"], first["gtin"]) == (
        "11.95", "GBP", "FLK-1", "9520001000010",
    )  # fmt: skip
    assert first["availability"] == "https://schema.org/LimitedAvailability"
    assert (second["price"], second["availability"]) == ("7.00", "https://schema.org/OutOfStock")
    assert first["priceSpecification"]["referenceQuantity"] == {
        "@type": "QuantitativeValue", "value": 1000, "unitCode": "GRM",
    }  # fmt: skip
    assert first["url"] == f"{address}?size=FLK-1"
    assert crumbs["@type"] == "BreadcrumbList"
    assert [row["position"] for row in crumbs["itemListElement"]] == [1, 2, 3]


def test_a_name_cannot_break_out_of_the_script(client: Any) -> None:
    variant = make_oil()
    Product.objects.filter(pk=variant.product_id).update(name="</script><script>alert(1)</script>")

    product, _ = described(client, variant.product.slug)

    assert product["name"] == "</script><script>alert(1)</script>"
    assert b"<script>alert(1)" not in client.get(f"/products/{variant.product.slug}").content


def test_directions_and_cautions_are_typed_as_people_read_them(admin_client: Any) -> None:
    product = make_variant().product
    page = admin_client.get(reverse("admin:catalog_product_change", args=[product.pk]))
    assert page.context["adminform"].form["directions_foot"].value() == ""

    answer = send(
        admin_client,
        product,
        directions_foot="Fill the basin.\r\n\r\n  Stir. \r\n",
        caution_codes=["SLIP", "EYES"],
    )

    assert answer.status_code == 302, answer.context["errors"]
    product.refresh_from_db()
    assert product.directions == {"foot": ["Fill the basin.", "Stir."]}
    assert product.caution_codes == ["SLIP", "EYES"]
    assert not ProductImage.objects.exists()
    refused = send(admin_client, product, caution_codes=["NOTHING"])
    assert set(refused.context["adminform"].form.errors) == {"caution_codes"}


def test_doses_are_typed_in_rows_and_kept_as_they_were(admin_client: Any) -> None:
    product = make_variant().product
    before = product.label_dose, product.usage_defaults

    answer = send(admin_client, product)

    assert answer.status_code == 302, answer.context["errors"]
    product.refresh_from_db()
    assert (product.label_dose, product.usage_defaults) == before

    rows = {"foot_g_from": "120", "foot_g_to": "200.5", "foot_g_start": "", "max_sessions_per_week": "5"}
    empty = dict.fromkeys(("bath_g_from", "bath_g_to", "bath_g_start"), "")
    answer = send(admin_client, product, **rows, **empty)

    assert answer.status_code == 302, answer.context["errors"]
    product.refresh_from_db()
    product.full_clean()
    assert product.label_dose == {"foot_g": [120, 200.5], "max_sessions_per_week": 5}
    assert product.usage_defaults == {"minutes": [20, 30], "sessions_per_week": 3}


def test_every_sample_product_goes_through_its_form_unchanged(admin_client: Any, loaded: None) -> None:
    for product in Product.objects.exclude(label_dose={}):
        before = product.label_dose, product.usage_defaults
        form = product_form_of(admin_client, product)
        assert form.errors == {}
        assert (form.instance.label_dose, form.instance.usage_defaults) == before


def product_form_of(client: Any, product: Product) -> Any:
    shown = client.get(reverse("admin:catalog_product_change", args=[product.pk])).context["adminform"].form
    values = {name: shown[name].value() for name in shown.fields}
    return type(shown)({name: value for name, value in values.items() if value is not None}, instance=product)


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"foot_g_to": ""}, "foot_g_to", "Both ends"),
        ({"foot_g_from": "", "foot_g_to": ""}, "foot_g_from", "Both ends"),
        ({"foot_g_from": "300"}, "foot_g_to", "Not less"),
        ({"foot_g_from": "0"}, "foot_g_from", "greater than"),
        ({"foot_g_from": "-5"}, "foot_g_from", "greater than"),
        ({"foot_g_from": "lots"}, "foot_g_from", "number"),
        ({"foot_g_from": "NaN"}, "foot_g_from", "number"),
        ({"foot_g_to": "1e9"}, "foot_g_to", ""),
        ({"foot_g_start": "99"}, "foot_g_start", "Between 100 and 250"),
        ({"minutes_from": "", "minutes_to": "30"}, "minutes_from", "Both ends"),
        ({"max_sessions_per_week": "22"}, "max_sessions_per_week", "less than"),
        ({"max_sessions_per_week": "2.5"}, "max_sessions_per_week", "whole number"),
        ({"sessions_per_week": "8"}, "sessions_per_week", "At most 7"),
    ],
)
def test_a_dose_that_cannot_be_is_refused_beside_its_field(
    admin_client: Any, typed: dict[str, str], field: str, said: str
) -> None:
    product = make_variant().product
    before = Product.objects.values("label_dose", "usage_defaults").get()

    answer = send(admin_client, product, **typed)

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert Product.objects.values("label_dose", "usage_defaults").get() == before


def test_who_may_only_look_reads_the_doses_in_words(client: Any) -> None:
    product = make_variant().product
    person = User.objects.create_user("w@shop.example", "x", is_staff=True)
    person.groups.add(Group.objects.get(name=roles.WAREHOUSE))
    client.force_login(person)

    page = client.get(reverse("admin:catalog_product_change", args=[product.pk])).content.decode()

    assert "Foot soak, g: 100 to 250, a guide starts at 150" in page
    assert "bath_g_from" not in page
