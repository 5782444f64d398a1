"""The refill estimator, usage guides, and computed magnesium."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from catalog import usage
from catalog.models import Product, Variant
from catalog.usage.magnesium import HEXAHYDRATE, MAGNESIUM
from tests.factories.catalog import make_bundle, make_variant

pytestmark = pytest.mark.django_db
ON = date(2026, 11, 23)


def variant_of(sku):
    return Variant.objects.select_related("product").get(sku=sku)


def estimate(sku, **facts):
    [found] = usage.estimate([usage.Use(variant_of(sku), **facts)], on=ON)
    return found


@pytest.mark.parametrize(
    ("grams", "dose", "sessions", "days"), [(1000, 150, 3, 15), (2500, 300, 3, 18), (5000, 150, 7, 32)]
)
def test_flakes_last_as_long_as_the_known_answers(grams, dose, sessions, days):
    assert usage.days_of_flakes(grams, dose, sessions) == days


@pytest.mark.parametrize(("ml", "sprays", "days"), [(100, 10, 63), (500, 20, 158), (1000, 5, 1266)])
def test_oil_lasts_as_long_as_the_known_answers(ml, sprays, days):
    assert usage.days_of_oil(ml, sprays) == days


# Days of supply, interval in days, packs, cover in %: worked out by hand for the usual use of each size.
DEFAULTS = {
    "FLK-ORI-0250": (3, None),
    "FLK-ORI-0500": (7, (28, 4, 108)),
    "FLK-ORI-1000": (15, (28, 2, 108)),
    "FLK-ORI-2500": (37, (35, 1, 108)),
    "FLK-ORI-5000": (75, (70, 1, 108)),
    "FLK-ORI-10KG": (150, (140, 1, 108)),
    "FLK-FOT-0500": (7, (28, 4, 108)),
    "FLK-FOT-1000": (15, (28, 2, 108)),
    "FLK-LAV-0500": (7, (28, 4, 108)),
    "FLK-LAV-1000": (15, (28, 2, 108)),
    "FLK-EUC-0500": (7, (28, 4, 108)),
    "FLK-EUC-1000": (15, (28, 2, 108)),
    "FLK-SCH-01X": (3, None),
    "FLK-SCH-05X": (17, (35, 2, 100)),
    "FLK-SCH-10X": (35, (35, 1, 100)),
    "OIL-STR-050": (31, None),
    "OIL-STR-100": (63, (63, 1, 101)),
    "OIL-STR-200": (126, (112, 1, 113)),
    "OIL-GEN-100": (63, (63, 1, 101)),
    "OIL-GEN-200": (126, (112, 1, 113)),
    "OIL-LAV-100": (63, (63, 1, 101)),
    "OIL-LAV-200": (126, (112, 1, 113)),
    "OIL-REF-500": (316, None),
    "OIL-REF-1000": (633, None),
    "OIL-ROL-050": (95, (84, 1, 113)),
}


def test_every_size_has_its_refill_of_the_usual_use(loaded):
    found = {}
    for variant in Variant.objects.filter(sku__in=DEFAULTS).select_related("product"):
        [line] = usage.estimate([usage.Use(variant)], on=ON)
        refill = line.recommendation
        plan = refill and (refill.interval_days, refill.quantity, refill.cover_percent)
        found[variant.sku] = (line.days.expected, plan)
        assert usage.default_refill(variant) == refill

    assert found == DEFAULTS


def test_the_days_lie_between_their_ends_and_the_assumptions_are_named(loaded):
    found = estimate("OIL-STR-100")

    assert (found.days.low, found.days.expected, found.days.high) == (47, 63, 95)
    assert found.assumptions["sprays_per_day"] == "10"
    assert found.assumptions["ml_per_spray"] == "0.15"


def test_a_litre_at_ten_sprays_a_day_is_bought_once(loaded):
    found = estimate("OIL-REF-1000")

    assert found.recommendation is None
    assert found.reason.code == "outlasts_longest_interval"
    assert found.alternative.sku == "OIL-STR-200"


def test_days_beyond_the_shelf_life_are_cut_off_and_said(loaded):
    found = estimate("OIL-REF-1000", sprays_per_day=5)

    assert found.days.expected == 1266
    assert found.usable_days == 730
    assert found.reason.code == "outlasts_shelf_life"
    assert any("best-before" in warning for warning in found.warnings)


def test_more_than_the_label_is_warned_of_and_never_sold(loaded):
    at_label, above = estimate("OIL-STR-200", sprays_per_day=20), estimate("OIL-STR-200", sprays_per_day=40)

    assert not at_label.label_dose_exceeded
    assert above.label_dose_exceeded
    assert above.warnings
    assert above.recommendation == at_label.recommendation
    assert above.days.expected == 31


def test_a_size_that_is_no_refill_names_one_that_is(loaded):
    found = estimate("FLK-ORI-0250")

    assert found.reason.code == "not_subscribable"
    assert found.alternative.sku == "FLK-ORI-2500"


def test_two_people_need_twice_as_much(loaded):
    one, two = estimate("FLK-ORI-5000"), estimate("FLK-ORI-5000", people=2)

    assert (one.recommendation.interval_days, two.recommendation.interval_days) == (70, 35)


def test_the_first_refill_comes_before_the_packs_are_empty(loaded):
    assert estimate("FLK-ORI-1000", quantity=2).first_refill_on == ON + timedelta(days=27)
    assert estimate("FLK-ORI-1000", quantity=2, on_hand=500).first_refill_on == ON + timedelta(days=34)


def test_what_is_not_used_up_has_no_estimate(loaded):
    with pytest.raises(usage.NotUsedUp):
        estimate("ACC-SCP-STD")
    with pytest.raises(usage.WrongMethod):
        estimate("FLK-FOT-1000", method=usage.Method.BATH)
    assert usage.default_refill(make_bundle([(make_variant(), 1)])) is None


def test_a_mail_can_say_until_when_it_lasts(loaded):
    assert usage.lasts_until(variant_of("FLK-ORI-1000"), 2, ON) == date(2026, 12, 23)
    assert usage.lasts_until(variant_of("ACC-SCP-STD"), 1, ON) is None


def test_guides_give_dose_water_warmth_and_cautions(loaded):
    foot, bath = usage.guides_for(Product.objects.get(code="FLK-ORI"))

    assert (foot.method, foot.dose_low, foot.dose_default, foot.dose_high) == ("foot", 100, 150, 250)
    assert (foot.water_litres, foot.temperature_max_c, foot.minutes) == (5, 38, (20, 30))
    assert (bath.dose_low, bath.dose_default, bath.dose_high) == (250, 300, 500)
    assert foot.frequency == "3 times a week"
    assert "NUMB_FEET" in {caution.code for caution in foot.cautions}
    assert all(guide.steps for product in Product.objects.all() for guide in usage.guides_for(product))


@pytest.mark.parametrize(
    ("code", "percent", "per_ml", "per_spray"),
    [
        ("FLK-ORI", "12.0", None, None),
        ("OIL-STR", "7.9", 101, "15.2"),
        ("OIL-GEN", "4.0", 45, "6.7"),
        ("OIL-LAV", "6.4", 78, "11.7"),
        ("OIL-REF", "7.9", 101, None),
    ],
)
def test_magnesium_follows_from_the_label(loaded, code, percent, per_ml, per_spray):
    content = usage.magnesium_of(Product.objects.get(code=code))

    assert content.percent == Decimal(percent)
    assert content.mg_per_ml == per_ml
    assert content.mg_per_spray == (per_spray and Decimal(per_spray))


def test_the_hexahydrate_is_twelve_percent_magnesium():
    assert round(100 * MAGNESIUM / HEXAHYDRATE, 1) == Decimal("12.0")
