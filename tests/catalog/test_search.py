"""What shoppers type, and which product they mean."""

from typing import Any

import pytest
from django.db import connection

from catalog import search
from catalog.models import Category, Product, SearchEntry, Variant
from shop.clock import reading
from tests.factories.catalog import ProductFactory, make_variant

pytestmark = pytest.mark.django_db


def found(text: str) -> list[str]:
    products = search.matching(Product.objects.visible(), search.understand(text))
    return list(products.order_by("-relevance", "position", "pk").values_list("code", flat=True))


MEANT = {
    # plainly
    "bath flakes": "FLK-ORI",
    "magnesium bath flakes": "FLK-ORI",
    "Magnesium Oil": "OIL-STR",
    "foot soak": "FLK-FOT",
    "lavender": "FLK-LAV",
    "scoop": "ACC-SCP",
    "basin": "ACC-BSN",
    "sachets": "FLK-SCH",
    "household refill": "BND-HSE",
    "gentle spray": "OIL-GEN",
    # in another order, in other forms
    "flakes bath magnesium": "FLK-ORI",
    "spray oil lavender": "OIL-LAV",
    "soaking feet": "FLK-FOT",
    "flake": "FLK-ORI",
    "oils": "OIL-STR",
    "MAGNESIUM FLAKES!": "FLK-ORI",
    # everyday names
    "mag oil": "OIL-STR",
    "magnesium spray": "OIL-STR",
    "foot bath": "FLK-FOT",
    "bath salts": "FLK-ORI",
    "epsom salt": "FLK-ORI",
    "roller": "OIL-ROL",
    "roll-on": "OIL-ROL",
    "foot tub": "ACC-BSN",
    "measuring spoon": "ACC-SCP",
    "sample": "FLK-SCH",
    "starter kit": "BND-FOT",
    "fragrance free flakes": "FLK-ORI",
    "top up": "OIL-REF",
    "evening set": "BND-EVE",
    # typos
    "lavendar": "FLK-LAV",
    "magnesum oil": "OIL-STR",
    "magnisium flakes": "FLK-ORI",
    "eucaliptus": "FLK-EUC",
    "euclyptus rosmary": "FLK-EUC",
    "flkes": "FLK-ORI",
    "sachtes": "FLK-SCH",
    "bassin": "ACC-BSN",
    "unsented flakes": "FLK-ORI",
    # half a word
    "eucal": "FLK-EUC",
    "lav spray": "OIL-LAV",
    # sizes
    "1kg": "FLK-ORI",
    "10 kg": "FLK-ORI",
    "2,5 kg flakes": "FLK-ORI",
    "2.5kg": "FLK-ORI",
    "1000 g lavender": "FLK-LAV",
    "500ml": "OIL-REF",
    "1 litre": "OIL-REF",
    "50 ml roll on": "OIL-ROL",
    "foot flakes 500 g": "FLK-FOT",
    # numbers on the pack
    "FLK-EUC-0500": "FLK-EUC",
    "flk-euc": "FLK-EUC",
    "oil-roll": "OIL-ROL",
    "flkeuc0500": "FLK-EUC",
    "OIL-ROL-050": "OIL-ROL",
    "bnd-hse": "BND-HSE",
    "9520001000218": "OIL-LAV",
    # with accents and marks
    "lavénder": "FLK-LAV",
    "“bath flakes”": "FLK-ORI",
}


def test_the_product_that_is_meant_comes_first(loaded: None) -> None:
    first = {text: found(text)[0] if found(text) else "" for text in MEANT}

    assert first == MEANT


def test_one_product_of_a_kind_comes_without_the_rest(loaded: None) -> None:
    """All words must fit, if there is a product that fits them all."""
    assert found("lavender") == ["FLK-LAV", "OIL-LAV"]
    assert found("lavender flakes 1kg") == ["FLK-LAV"]
    assert found("FLK-LAV-1000") == ["FLK-LAV"]
    assert found("lavender oil spray") == ["OIL-LAV"]


def test_words_that_never_stand_together_find_what_fits_some(db: None) -> None:
    kelp, jar = ProductFactory.create(name="Kelp"), ProductFactory.create(name="Glass jar")
    ProductFactory.create(name="Rosewater")

    assert found("kelp jar") == [kelp.code, jar.code]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "!!!", "the and with", "&|!():*<->", "'; DROP TABLE catalog_product; --", "\\", "a" * 300, "()", "x' | y",
        "bicycle", "🛁", "%", "_", "<script>", "7/0", "::::", "foo:*", "<2>", "size",
    ],
)  # fmt: skip
def test_odd_words_are_no_failure(db: None, text: str) -> None:
    make_variant()

    assert found(text) == []


def test_nothing_unpublished_is_found_or_hides_what_is(db: None) -> None:
    ProductFactory.create(name="Rosewater mist", is_published=False)
    shown = ProductFactory.create(name="Rosewater")

    assert found("rosewater mist") == [shown.code]


def test_what_was_misspelt_is_said(loaded: None) -> None:
    assert search.understand("lavendar").corrected == "lavender"
    assert search.understand("magnesum oyl").corrected.startswith("magnesium")
    for well in ("lavender", "mag oil", "1 kg", "flk-lav", "soaking", "bicycle", "eucal", "bath with flakes"):
        assert search.understand(well).corrected == "", well


def test_an_entry_follows_every_change_however_it_is_made(db: None) -> None:
    variant = make_variant(sku="FLK-T9-1000")
    product = variant.product
    assert found("flk-t9") == [product.code]

    Product.objects.filter(pk=product.pk).update(name="Seaweed powder")
    Variant.objects.filter(pk=variant.pk).update(sku="NEW-1", name="Glass jar", net_content=750)
    Category.objects.filter(pk=product.category_id).update(name="Wellies")

    for text in ("seaweed", "new-1", "jar", "750 g", "wellies", "seeweed"):
        assert found(text) == [product.code], text
    for text in ("flk-t9", "1 kg"):
        assert found(text) == [], text

    Variant.objects.filter(pk=variant.pk).update(archived_at=reading.now())
    assert found("new-1") == []
    other = ProductFactory.create(name="Kelp")
    Variant.objects.filter(pk=variant.pk).update(product=other, archived_at=None)
    assert found("new-1") == [other.code]


def test_stock_and_other_columns_do_not_touch_the_entry(db: None) -> None:
    product = make_variant().product
    [before] = (
        SearchEntry.objects.filter(pk=product.pk)
        .extra(select={"version": "xmin::text"})
        .values_list("version")
    )

    Product.objects.filter(pk=product.pk).update(position=9, hs_code="1")
    product.save()

    [after] = (
        SearchEntry.objects.filter(pk=product.pk)
        .extra(select={"version": "xmin::text"})
        .values_list("version")
    )
    assert after == before


def test_the_api_finds_best_first_and_keeps_its_budget(
    client: Any, loaded: None, django_assert_num_queries: Any
) -> None:
    # Synonyms are kept for minutes.
    search.understand("warm")
    with django_assert_num_queries(6):
        rows = client.get("/api/v1/products", {"q": "lavendar spray"}).json()["results"]
    by_price = client.get("/api/v1/products", {"q": "flakes", "ordering": "-price"}).json()["results"]

    assert rows[0]["slug"] == "magnesium-oil-spray-lavender-water"
    amounts = [row["price_from"]["amount"] for row in by_price]
    assert amounts == sorted(amounts, reverse=True)
    assert [row["slug"] for row in client.get("/api/v1/products", {"q": "bnd-eve"}).json()["results"]] == [
        "evening-routine-flakes-and-oil"
    ]


def test_pages_of_a_search_lead_to_every_product_once(client: Any, loaded: None) -> None:
    whole = [row["slug"] for row in client.get("/api/v1/products", {"q": "magnesium"}).json()["results"]]
    seen, address = [], "/api/v1/products?q=magnesium&page_size=2"

    while address:
        page = client.get(address).json()
        seen += [row["slug"] for row in page["results"]]
        address = page["next"]

    assert seen == whole
    assert len(whole) == 8


def test_ten_thousand_products_are_searched_by_their_index(db: None) -> None:
    make_variant()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE catalog_product DISABLE TRIGGER catalog_search_product_insert")
        cursor.execute(MANY)
        cursor.execute(ENTRIES)
        cursor.execute("ALTER TABLE catalog_product ENABLE TRIGGER catalog_search_product_insert")
        cursor.execute("ANALYZE catalog_product, catalog_search_entry, catalog_search_word")

        products = search.matching(Product.objects.visible(), search.understand("rosemry 77"))
        sql, parameters = products.order_by("-relevance", "position", "pk")[:24].query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("EXPLAIN SELECT word FROM catalog_search_word WHERE word % 'rosemry'")
        words = "\n".join(row[0] for row in cursor.fetchall())

    assert products.count() == 1
    assert search.understand("rosemry").corrected == "rosemary"
    assert SearchEntry.objects.count() == 10_001
    assert "catalog_search_entry_vector" in plan, plan
    assert "Seq Scan on catalog_search_entry" not in plan
    assert "catalog_search_word" in words


# Products that are there for their number; the triggers would take ten seconds.
MANY = """
INSERT INTO catalog_product (code, slug, name, summary, description, category_id, kind, regulatory_class, is_published,
  position, inci, form, scent, fragrance_allergens, material, origin_country, origin_note, grade, directions, label_dose,
  usage_defaults, caution_codes, storage, hs_code, tax_code, return_rule, created_at, updated_at)
SELECT 'M-' || n, 'm-' || n, 'Flakes number ' || n || CASE WHEN n % 100 = 77 THEN ' rosemary' ELSE '' END, 'Plain', '',
  (SELECT min(id) FROM catalog_category), 'flakes', 'cosmetic', true, n, '', '', 'none', '{}', '', '', '', '', '{}', '{}',
  '{}', '{}', '', '', 'standard', 'standard', now(), now()
FROM generate_series(1, 10000) n
"""
ENTRIES = """
INSERT INTO catalog_search_entry (product_id, vector)
SELECT id, setweight(to_tsvector('english', name), 'A') FROM catalog_product WHERE code LIKE 'M-%';
INSERT INTO catalog_search_word SELECT 'word' || md5(n::text) FROM generate_series(1, 5000) n;
INSERT INTO catalog_search_word VALUES ('rosemary'), ('number') ON CONFLICT DO NOTHING
"""
