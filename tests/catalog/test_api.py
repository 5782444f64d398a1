"""The sample catalogue over HTTP."""

import pytest
from django.core.management import call_command

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.catalog.urls")]


def get(client, address, **query):
    return client.get(f"/api/v1/{address}", query)


def slugs(client, **query):
    answer = get(client, "products", **query)
    assert answer.status_code == 200, answer.content
    return [row["slug"] for row in answer.json()["results"]]


def test_a_product_is_listed_with_price_unit_price_refill_and_availability(client, loaded):
    page = get(client, "products").json()

    assert (page["next"], page["previous"], len(page["results"])) == (None, None, 12)
    flakes = page["results"][0]
    kilogram = next(row for row in flakes["variants"] if row["sku"] == "FLK-ORI-1000")
    assert flakes["price_from"] == {"amount": 450, "currency": "GBP", "formatted": "£4.50"}
    assert kilogram == {
        "sku": "FLK-ORI-1000",
        "gtin": "9520001000034",
        "name": "1 kg pouch",
        "net_content": {"value": 1000, "unit": "g"},
        "gross_weight_g": 1045,
        "dimensions_mm": {"length": 270, "width": 180, "height": 70},
        "min_remaining_life_days": 60,
        "is_subscribable": True,
        "price": {"amount": 1195, "currency": "GBP", "formatted": "£11.95"},
        "list_price": {"amount": 1195, "currency": "GBP", "formatted": "£11.95"},
        "unit_price": {
            "amount": 1195,
            "currency": "GBP",
            "formatted": "£11.95",
            "unit": "kg",
            "label": "£11.95 per kg",
        },
        "lowest_prior_price": None,
        "reduction_percent": None,
        "refill": {
            "price": {"amount": 1075, "currency": "GBP", "formatted": "£10.75"},
            "unit_price": {
                "amount": 1075,
                "currency": "GBP",
                "formatted": "£10.75",
                "unit": "kg",
                "label": "£10.75 per kg",
            },
            "interval": {"unit": "week", "count": 4},
            "quantity": 2,
        },
        "availability": "in_stock",
        "components": [],
    }


def test_the_list_filters_and_orders(client, loaded):
    assert len(slugs(client, category="magnesium-oil")) == 5
    assert slugs(client, q="lavender") == [
        "magnesium-bath-flakes-lavender",
        "magnesium-oil-spray-lavender-water",
    ]
    assert slugs(client, q="acc-bsn-g") == ["folding-foot-basin-8l"]
    assert slugs(client, subscribable="false") == ["measuring-scoop-50g", "folding-foot-basin-8l"]
    assert len(slugs(client, kind="bundle")) == 3
    assert slugs(client, ordering="price")[0] == "single-soak-sachets-unscented"
    assert slugs(client, ordering="-price")[-1] == "single-soak-sachets-unscented"
    assert slugs(client, ordering="-name") == list(reversed(slugs(client, ordering="name")))
    assert slugs(client, category="no-such-shelf") == []


def test_a_page_of_products_shows_how_to_use_it(client, loaded):
    product = get(client, "products/magnesium-oil-spray-full-strength", currency="USD").json()

    assert product["magnesium"] == {"percent": 7.9, "mg_per_ml": 101, "mg_per_spray": 15.2}
    assert product["attributes"]["inci"] == "Aqua, Magnesium Chloride"
    assert [guide["method"] for guide in product["usage"]] == ["skin"]
    assert {"KIDNEY", "PATCH"} <= {caution["code"] for caution in product["cautions"]}
    assert "magnesium-oil-refill-bottle" in {other["slug"] for other in product["pairs_with"]}
    assert product["variants"][1]["unit_price"]["label"] == "US$3.83 per fl oz"


def test_a_bundle_shows_its_components_with_their_unit_prices(client, loaded):
    assert len(get(client, "bundles").json()["results"]) == 3
    [variant] = get(client, "bundles/evening-routine-flakes-and-oil").json()["variants"]

    assert variant["unit_price"] is None
    assert variant["refill"]["price"]["amount"] == 1785
    assert [(part["sku"], part["in_refill"]) for part in variant["components"]] == [
        ("FLK-ORI-1000", True),
        ("OIL-STR-100", True),
        ("ACC-SCP-STD", False),
    ]
    flakes, oil, scoop = variant["components"]
    assert flakes["price"]["amount"] == 1195
    assert flakes["unit_price"]["label"] == "£10.82 per kg"
    assert scoop["unit_price"] is None
    assert sum(part["share"]["amount"] for part in (flakes, oil, scoop)) == variant["price"]["amount"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"currency": "XYZ"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"ordering": "id"}, "ordering"),
        ({"kind": "pills"}, "kind"),
        ({"in_stock": "maybe"}, "in_stock"),
        ({"q": "x" * 101}, "q"),
        ({"q": "a\x00b"}, "q"),
        ({"category": "no slug!"}, "category"),
        ({"colour": "red"}, "colour"),
        ({"cursor": "rubbish"}, "cursor"),
        ({"page_size": "1000"}, "page_size"),
    ],
)
def test_bad_parameters_are_named(client, query, field):
    answer = get(client, "products", **query)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]


def test_addresses_answer_with_and_without_a_slash_and_to_head_but_not_to_options(client, loaded):
    for address in ("products", "products/", "categories", "categories/", "bundles/"):
        assert get(client, address).status_code == 200
    assert client.head("/api/v1/products").status_code == 200
    assert client.options("/api/v1/products").status_code == 405
    assert client.post("/api/v1/products").status_code == 405


def test_categories_come_in_their_order(client, loaded):
    rows = get(client, "categories").json()["results"]

    assert [row["slug"] for row in rows][:2] == ["bath-flakes", "magnesium-oil"]


def ask(client, *lines):
    return client.post("/api/v1/refill-estimate", {"lines": list(lines)}, content_type="application/json")


def test_an_estimate_recommends_interval_and_quantity(client, loaded):
    line = {"sku": "FLK-ORI-1000", "method": "foot", "dose": 150, "sessions_per_week": 3}

    [found] = ask(client, line).json()["lines"]

    assert found["days"]["expected"] == 15
    assert found["recommendation"] == {
        "interval": {"unit": "week", "count": 4},
        "interval_days": 28,
        "quantity": 2,
        "cover_percent": 108,
    }
    assert found["reason"] is None
    assert found["label_dose_exceeded"] is False


def test_an_estimate_without_a_fit_says_why_and_names_another_size(client, loaded):
    [found] = ask(client, {"sku": "OIL-REF-1000", "sprays_per_day": 10}).json()["lines"]

    assert found["recommendation"] is None
    assert found["reason"]["code"] == "outlasts_longest_interval"
    assert found["alternative_sku"] == "OIL-STR-200"


def test_a_set_is_estimated_by_its_consumables(client, loaded):
    lines = ask(client, {"sku": "BND-EVE", "quantity": 1}).json()["lines"]

    assert [line["sku"] for line in lines] == ["FLK-ORI-1000", "OIL-STR-100"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"sku": "NO-SUCH"}, "lines.0.sku"),
        ({"sku": "ACC-SCP-STD"}, "lines.0.sku"),
        ({"sku": "FLK-FOT-1000", "method": "bath"}, "lines.0.method"),
        ({"sku": "FLK-FOT-1000", "dose": 1500}, "lines.0.dose"),
        ({"sku": "OIL-STR-100", "dose": 10}, "lines.0.dose"),
        ({"sku": "FLK-FOT-1000", "sprays_per_day": 10}, "lines.0.sprays_per_day"),
        ({"sku": "BND-EVE", "dose": 10}, "lines.0.dose"),
    ],
)
def test_an_estimate_that_makes_no_sense_names_its_line(client, loaded, line, field):
    answer = ask(client, line)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    "line",
    [
        {"sku": "FLK-ORI-1000", "quantity": 0},
        {"sku": "FLK-ORI-1000", "quantity": "2"},
        {"sku": "FLK-ORI-1000", "sessions_per_week": 8},
        {"sku": "FLK-ORI-1000", "price": 1},
        {"sku": "OIL-STR-100", "sprays_per_day": 41},
        {"sku": "OIL-STR-100", "ml_per_spray": "0.5"},
        {"sku": "OIL-STR-100", "on_hand": -1},
        {"sku": 7},
        {},
    ],
)
def test_an_estimate_of_the_wrong_shape_is_refused(client, line):
    answer = ask(client, line)

    assert answer.status_code == 400
    assert "lines" in answer.json()["errors"]


def test_the_openapi_document_is_silent_and_valid(tmp_path, capsys):
    call_command(
        "spectacular",
        urlconf="tests.catalog.urls",
        validate=True,
        fail_on_warn=True,
        file=str(tmp_path / "schema.yaml"),
    )

    assert "/api/v1/products/{slug}" in (tmp_path / "schema.yaml").read_text()
    assert capsys.readouterr().err == ""
