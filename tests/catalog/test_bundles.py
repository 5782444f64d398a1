"""Bundles: virtual, as available as their scarcest part, sold only while every part is."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from catalog import inventory, pricing
from catalog.models import BundleComponent, Lot, Product, StockReservation, Variant
from tests.factories.catalog import AT, make_bundle, make_oil, make_variant

pytestmark = pytest.mark.django_db
SOON = AT + timedelta(minutes=15)


@pytest.fixture
def parts():
    return make_variant(prices={"GBP": 1195}, stock=9), make_oil(prices={"GBP": 995}, stock=3)


@pytest.fixture
def bundle(parts):
    flakes, oil = parts
    return make_bundle([(flakes, 2), (oil, 1)])


def states(bundle):
    """What the three ways to ask say: reading many, one loaded, and the condition in the database."""
    loaded = inventory.with_stock(Variant.objects.all()).get(pk=bundle.pk)
    found = inventory.available_for([Variant.objects.get(pk=bundle.pk)])[bundle.pk]
    assert inventory.available_of(loaded) == found
    assert Variant.objects.filter(inventory.stocked(), pk=bundle.pk).exists() is (found > 0)
    return found


def test_a_bundle_is_as_available_as_its_scarcest_part(bundle, parts):
    flakes, oil = parts

    assert states(bundle) == 3
    inventory.reserve(reference="r:1", quantities={flakes.pk: 6}, until=SOON, at=AT)

    assert states(bundle) == 1
    assert inventory.demand_of([(bundle, 1)]) == {flakes.pk: 2, oil.pk: 1}


@pytest.mark.parametrize("what", ["archived", "unpublished"])
def test_a_bundle_with_a_part_that_is_no_longer_sold_is_not_available(bundle, parts, what):
    flakes, _ = parts
    if what == "archived":
        Variant.objects.filter(pk=flakes.pk).update(archived_at=AT)
    else:
        Product.objects.filter(pk=flakes.product_id).update(is_published=False)

    assert states(bundle) == 0
    assert not Variant.objects.get(pk=bundle.pk).is_sold
    assert inventory.available_for([flakes])[flakes.pk] == 9


def test_a_bundle_without_components_is_not_sold():
    bundle = make_bundle([])

    assert states(bundle) == 0
    assert not bundle.is_sold


@pytest.mark.parametrize("order", ["a bundle put into a bundle", "a part made a bundle"])
def test_bundles_do_not_nest(bundle, parts, order):
    other = make_bundle([])
    outer, inner = (other, bundle) if order == "a bundle put into a bundle" else (parts[0], other)

    with pytest.raises(IntegrityError, match="do not nest"), transaction.atomic():
        BundleComponent.objects.create(bundle=outer, variant=inner)

    assert bundle.components.count() == 2
    assert not outer.components.exists()


def test_a_form_says_why_bundles_do_not_nest(bundle, parts):
    with pytest.raises(ValidationError, match="not put into a bundle"):
        BundleComponent(bundle=make_bundle([]), variant=bundle).clean()
    with pytest.raises(ValidationError, match="kind bundle"):
        BundleComponent(bundle=parts[0], variant=parts[1]).clean()


def test_lots_are_taken_from_each_component(bundle, parts):
    flakes, oil = parts
    demand = inventory.demand_of([(bundle, 2)])
    inventory.reserve(reference="r:1", quantities=demand, until=SOON, at=AT)
    inventory.allocate("r:1", at=AT)

    picks = [pick for pk, n in demand.items() for pick in inventory.pick_fefo(pk, n, AT.date())]
    inventory.consume("r:1", picks=picks, cause="shipment:1", at=AT)

    taken = {lot.variant_id: (lot.on_hand, lot.physical) for lot in Lot.objects.all()}
    assert taken == {flakes.pk: (5, 5), oil.pk: (1, 1)}
    assert inventory.differences() == []


def test_changing_a_recipe_moves_no_hold(bundle, parts):
    flakes, oil = parts
    scoop = make_variant(is_lot_tracked=False, stock=5)
    inventory.reserve(reference="r:1", quantities=inventory.demand_of([(bundle, 1)]), until=SOON, at=AT)

    bundle.components.filter(variant=flakes).update(quantity=4)
    bundle.components.filter(variant=oil).delete()
    BundleComponent.objects.create(bundle=bundle, variant=scoop)

    held = StockReservation.objects.filter(reference="r:1").values_list("variant_id", "quantity")
    assert set(held) == {(flakes.pk, 2), (oil.pk, 1)}
    assert states(bundle) == 1
    assert inventory.allocate("r:1", at=AT)
    assert inventory.differences() == []


def test_the_unit_price_of_a_part_is_taken_from_its_share(bundle, parts):
    flakes, oil = parts
    offers = pricing.offers_for([flakes, oil], "GBP", AT)

    [(_, pieces, share), _] = pricing.component_shares(bundle, 2250, offers)

    assert (pieces, share) == (2, 1589)
    assert pricing.unit_price(share, "GBP", flakes, pieces=pieces).label == "£7.95 per kg"


def edit(client, bundle, rows, **more):
    page = client.get(reverse("admin:catalog_variant_change", args=[bundle.pk]))
    initial = page.context["adminform"].form.initial
    data = {name: "" if value is None else value for name, value in initial.items() if value is not False}
    known = list(bundle.components.all())
    data |= {"components-TOTAL_FORMS": len(rows), "components-INITIAL_FORMS": len(known)}
    for n, (variant, quantity) in enumerate(rows):
        data |= {f"components-{n}-variant": variant.pk, f"components-{n}-quantity": quantity}
        data |= {f"components-{n}-bundle": bundle.pk, f"components-{n}-in_refill": "on"}
        data[f"components-{n}-id"] = known[n].pk if n < len(known) else ""
    return client.post(reverse("admin:catalog_variant_change", args=[bundle.pk]), {**data, **more})


@pytest.mark.urls("tests.catalog.urls")
def test_staff_edit_what_a_set_is_made_of(admin_client, bundle, parts):
    flakes, oil = parts
    third = make_variant(stock=2)

    answer = edit(admin_client, bundle, [(flakes, 1), (oil, 1), (third, 1)])

    assert answer.status_code == 302, answer.context["errors"]
    made_of = bundle.components.values_list("variant_id", "quantity")
    assert list(made_of) == [(flakes.pk, 1), (oil.pk, 1), (third.pk, 1)]
    shown = admin_client.get(reverse("admin:catalog_variant_change", args=[bundle.pk])).content.decode()
    assert "2 sets can be promised now" in shown
    assert "£22.50 a set" in shown


@pytest.mark.urls("tests.catalog.urls")
def test_staff_cannot_put_a_set_into_a_set(admin_client, bundle, parts):
    flakes, oil = parts
    other = make_bundle([(oil, 1)])

    answer = edit(admin_client, bundle, [(flakes, 2), (oil, 1), (other, 1)])

    assert answer.status_code == 200
    assert "A bundle is not put into a bundle" in answer.content.decode()
    assert bundle.components.count() == 2


@pytest.mark.urls("tests.catalog.urls")
def test_goods_that_are_no_set_offer_no_components(admin_client, parts):
    page = admin_client.get(reverse("admin:catalog_variant_change", args=[parts[0].pk])).content.decode()

    assert "components-TOTAL_FORMS" not in page
