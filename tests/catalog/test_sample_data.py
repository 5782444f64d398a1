"""The sample catalogue."""

import json
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from stdnum import ean

from catalog import inventory, pricing, sample_data
from catalog.cautions import TEXTS
from catalog.models import (
    Category,
    Lot,
    Price,
    Product,
    RawLot,
    StockLevel,
    StockMovement,
    Variant,
)
from tests.factories.catalog import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh(db):
    return sample_data.load(at=AT)


def test_everything_arrives(fresh):
    assert Product.objects.goods().count() == 12
    assert Product.objects.bundles().count() == 3
    assert Variant.objects.exclude(product__kind=Product.Kind.BUNDLE).count() == 28
    assert RawLot.objects.count() == 5
    assert Lot.objects.exclude(code__startswith="S-").count() == 8
    assert set(Price.objects.values_list("currency", flat=True)) == {"GBP", "EUR", "USD"}
    assert Category.objects.count() == 5


def test_a_second_run_changes_nothing_and_keeps_what_staff_edited(fresh):
    Product.objects.filter(code="FLK-ORI").update(name="Edited by staff")
    movements = StockMovement.objects.count()

    gained = sample_data.load(at=AT + timedelta(days=3))

    assert set(gained.values()) == {0}
    assert StockMovement.objects.count() == movements
    assert Product.objects.get(code="FLK-ORI").name == "Edited by staff"


def test_it_is_fast(db):
    started = time.perf_counter()

    sample_data.load(at=AT)

    assert time.perf_counter() - started < 3


def test_every_variant_can_be_bought_but_the_one_that_is_sold_out(fresh):
    variants = list(Variant.objects.all())

    available = inventory.available_for(variants)

    assert {v.sku for v in variants if available[v.pk] == 0} == {"FLK-LAV-1000"}
    for currency in ("GBP", "EUR", "USD"):
        assert len(pricing.offers_for(variants, currency, AT)) == 31


def test_counts_follow_the_lots_and_the_recalled_lot_sells_nothing(fresh):
    assert StockLevel.objects.get(variant__sku="FLK-ORI-1000").on_hand == 410 + 36
    assert StockLevel.objects.get(variant__sku="OIL-STR-100").on_hand == 330
    recalled = Lot.objects.get(code="L26115B")
    assert (recalled.status, recalled.on_hand, recalled.physical) == ("recalled", 0, 18)
    assert call_command("check_stock") is None


def test_dates_move_with_the_clock(db):
    sample_data.load(at=AT + timedelta(days=10))

    assert Lot.objects.get(code="L24033C").best_before_on == date(2027, 2, 10)


def test_the_evening_set_refills_without_its_scoop(fresh):
    bundle = Variant.objects.get(sku="BND-EVE")

    refill = inventory.demand_of([(bundle, 1)], refill=True)

    skus = set(Variant.objects.filter(pk__in=refill).values_list("sku", flat=True))
    assert skus == {"FLK-ORI-1000", "OIL-STR-100"}
    offer = pricing.offer_of(bundle, "GBP", AT)
    assert (offer.amount, offer.refill_amount) == (2250, 1785)


def test_every_gtin_has_its_check_digit(fresh):
    gtins = list(Variant.objects.values_list("gtin", flat=True))

    assert len(set(gtins)) == 31
    assert all(ean.is_valid(gtin) for gtin in gtins)


def test_every_caution_has_a_text(fresh):
    used = {code for codes in Product.objects.values_list("caution_codes", flat=True) for code in codes}

    assert used == set(TEXTS)


CLAIMS = ("relief", "relax", "sleep", "absorb", "heal", "cure", "detox", "deficien", "muscle", "stress")


def test_the_copy_claims_nothing_about_health():
    copy = Path(sample_data.FIXTURE).read_text(encoding="utf-8").lower()

    assert [word for word in CLAIMS if word in copy] == []
    assert json.loads(copy)["reference_date"] == "2026-11-23"
