"""Offers, reductions, unit prices and the split of a bundle's price."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from catalog import pricing, sample_data
from catalog.models import Price, Product, Variant
from tests.factories.catalog import AT, PriceFactory, make_bundle, make_variant

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def sale(variant, amount, *, since, until=None):
    PriceFactory.create(variant=variant, kind=Price.Kind.SALE, amount=amount, starts_at=since, ends_at=until)


def test_a_list_price_is_no_reduction_and_a_refill_is_discounted():
    variant = make_variant(prices={"GBP": 1195})

    offer = pricing.offer_of(variant, "GBP", AT)

    assert (offer.list_amount, offer.amount, offer.refill_amount) == (1195, 1195, 1075)
    assert offer.lowest_prior_amount is None
    assert offer.reduction_percent is None


def test_a_variant_that_cannot_be_subscribed_to_has_no_refill_price():
    variant = make_variant(is_subscribable=False)

    assert pricing.offer_of(variant, "GBP", AT).refill_amount is None


def test_a_lower_explicit_refill_price_wins_and_a_higher_one_does_not():
    variant = make_variant(prices={"GBP": 1000, "EUR": 1000})
    PriceFactory.create(variant=variant, kind=Price.Kind.REFILL, amount=850)
    PriceFactory.create(variant=variant, kind=Price.Kind.REFILL, amount=950, currency="EUR")

    assert pricing.offer_of(variant, "GBP", AT).refill_amount == 850
    assert pricing.offer_of(variant, "EUR", AT).refill_amount == 900


def test_a_sale_shows_the_lowest_price_of_the_thirty_days_before_it():
    variant = make_variant(prices={"GBP": 2000})
    sale(variant, 1500, since=AT - 20 * DAY, until=AT - 15 * DAY)
    sale(variant, 1200, since=AT - DAY)

    offer = pricing.offer_of(variant, "GBP", AT)

    assert (offer.list_amount, offer.amount) == (2000, 1200)
    assert offer.lowest_prior_amount == 1500
    assert offer.reduction_percent == 20


def test_a_price_that_ended_before_the_window_does_not_count():
    variant = make_variant(prices={"GBP": 2000})
    sale(variant, 1500, since=AT - 60 * DAY, until=AT - 31 * DAY - DAY)
    sale(variant, 1600, since=AT - DAY)

    offer = pricing.offer_of(variant, "GBP", AT)

    assert (offer.lowest_prior_amount, offer.reduction_percent) == (2000, 20)


def test_a_reduction_that_deepens_step_by_step_keeps_its_first_reference():
    variant = make_variant(prices={"GBP": 2000})
    sale(variant, 1800, since=AT - 5 * DAY, until=AT - DAY)
    sale(variant, 1500, since=AT - DAY)

    offer = pricing.offer_of(variant, "GBP", AT)

    assert (offer.lowest_prior_amount, offer.reduction_percent) == (2000, 25)


def test_a_sale_ends_and_the_list_price_holds_again():
    variant = make_variant(prices={"GBP": 2000})
    sale(variant, 1500, since=AT - 5 * DAY, until=AT)

    assert pricing.offer_of(variant, "GBP", AT - timedelta(seconds=1)).amount == 1500
    assert pricing.offer_of(variant, "GBP", AT).amount == 2000


def test_a_new_product_on_sale_claims_no_reduction():
    variant = make_variant(prices={})
    PriceFactory.create(variant=variant, amount=2000, starts_at=AT - DAY)
    sale(variant, 1500, since=AT - DAY)

    offer = pricing.offer_of(variant, "GBP", AT)

    assert (offer.amount, offer.lowest_prior_amount, offer.reduction_percent) == (1500, None, None)


def test_no_price_is_a_refusal_alone_and_a_gap_in_a_list():
    variant = make_variant(prices={"GBP": 100})

    with pytest.raises(pricing.NotPriced) as refusal:
        pricing.offer_of(variant, "EUR", AT)

    assert refusal.value.extra == {"sku": variant.sku, "currency": "EUR"}
    assert pricing.offers_for([variant], "EUR", AT) == {}


def test_many_offers_are_one_query(django_assert_num_queries):
    variants = [make_variant() for _ in range(6)]

    with django_assert_num_queries(1):
        assert len(pricing.offers_for(variants, "GBP", AT)) == 6


def test_products_are_ordered_by_the_price_that_holds_now():
    dear, cheap = make_variant(prices={"GBP": 1500}), make_variant(prices={"GBP": 1400})
    sale(dear, 900, since=AT - DAY)

    found = pricing.with_current_price(Product.objects.all(), "GBP", AT).order_by("price_from")

    assert [(product.pk, product.price_from) for product in found] == [
        (dear.product_id, 900),
        (cheap.product_id, 1400),
    ]


def test_two_prices_of_one_kind_never_hold_at_once():
    variant = make_variant(prices={"GBP": 1000})

    with pytest.raises(IntegrityError, match="no_overlap"), transaction.atomic():
        PriceFactory.create(variant=variant, amount=900, starts_at=AT)

    assert variant.prices.count() == 1


# Per kg or litre in GBP and EUR, per oz or fl oz in USD; minor units.
UNIT_PRICES = {
    "FLK-ORI-0250": (1800, 2100, 67),
    "FLK-ORI-0500": (1450, 1690, 51),
    "FLK-ORI-1000": (1195, 1395, 42),
    "FLK-ORI-2500": (998, 1158, 34),
    "FLK-ORI-5000": (840, 979, 28),
    "FLK-ORI-10KG": (740, 860, 25),
    "FLK-FOT-0500": (1550, 1790, 54),
    "FLK-FOT-1000": (1275, 1495, 45),
    "FLK-LAV-0500": (1790, 2050, 62),
    "FLK-LAV-1000": (1450, 1695, 51),
    "FLK-EUC-0500": (1790, 2050, 62),
    "FLK-EUC-1000": (1450, 1695, 51),
    "FLK-SCH-01X": (1500, 1767, 56),
    "FLK-SCH-05X": (1400, 1633, 51),
    "FLK-SCH-10X": (1263, 1483, 46),
    "OIL-STR-050": (11900, 13900, 444),
    "OIL-STR-100": (9950, 11500, 383),
    "OIL-STR-200": (7975, 9250, 295),
    "OIL-GEN-100": (9500, 10950, 353),
    "OIL-GEN-200": (7475, 8625, 274),
    "OIL-LAV-100": (10950, 12750, 413),
    "OIL-LAV-200": (8475, 9875, 318),
    "OIL-REF-500": (5200, 6000, 189),
    "OIL-REF-1000": (4400, 5100, 160),
    "OIL-ROL-050": (15000, 17500, 562),
}


def test_every_unit_price_is_the_known_one():
    sample_data.load(at=AT)
    variants = list(Variant.objects.all())
    found = {variant.sku: [] for variant in variants}

    for currency in ("GBP", "EUR", "USD"):
        offers = pricing.offers_for(variants, currency, AT)
        for variant in variants:
            price = pricing.unit_price(offers[variant.pk].amount, currency, variant)
            found[variant.sku].append(price and price.amount)

    assert {sku: tuple(found[sku]) for sku in UNIT_PRICES} == UNIT_PRICES
    without = {sku for sku, amounts in found.items() if amounts == [None] * 3}
    assert without == set(found) - set(UNIT_PRICES)


def test_a_unit_price_has_a_label_for_people():
    variant = make_variant(net_content=500)

    assert pricing.unit_price(725, "GBP", variant).label == "£14.50 per kg"
    assert pricing.unit_price(895, "USD", variant).label == "US$0.51 per oz"


def test_a_bundle_splits_by_list_price_to_the_last_penny():
    flakes, oil = make_variant(prices={"GBP": 1195}), make_variant(prices={"GBP": 995})
    bundle = make_bundle([(flakes, 2), (oil, 1)])
    offers = pricing.offers_for([flakes, oil], "GBP", AT)

    shares = pricing.component_shares(bundle, 2999, offers)

    assert [(variant.pk, units, share) for variant, units, share in shares] == [
        (flakes.pk, 2, 2117),
        (oil.pk, 1, 882),
    ]
