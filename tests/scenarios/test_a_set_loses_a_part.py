"""A set that lay in a cart when one of its parts was archived, and orders of sets whose recipe changes."""

import pytest

from catalog import inventory
from catalog.models import BundleComponent, Variant
from orders import placement
from orders.models import Order
from tests.factories.catalog import AT, make_bundle, make_oil, make_variant
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def parts() -> tuple[Variant, Variant]:
    flakes, oil = make_variant(prices={"GBP": 1195}), make_oil(prices={"GBP": 995})
    make_bundle([(flakes, 2), (oil, 1)], sku="SET", prices={"GBP": 2999})
    return flakes, oil


def test_the_cart_says_that_the_set_is_no_longer_sold_and_nothing_is_ordered(till: Till, parts) -> None:
    token = till.cart(("SET", 1))
    total = till.total(token)
    Variant.objects.filter(pk=parts[0].pk).update(archived_at=AT)

    problems = till.send("GET", f"carts/{token}").json()["problems"]
    refused = till.check_out(token, total=total)

    assert ("not_sold", "SET") in {(problem["code"], problem["sku"]) for problem in problems}
    assert refused.status_code == 400
    assert refused.json()["code"] == "cart_incomplete"
    assert not Order.objects.exists()
    assert not inventory.is_reserved("order")


def test_an_order_keeps_the_recipe_that_was_agreed_on(till: Till, parts) -> None:
    flakes, oil = parts
    till.order(("SET", 1))
    order = Order.objects.get()

    BundleComponent.objects.filter(variant=flakes).update(quantity=5)
    BundleComponent.objects.filter(variant=oil).delete()

    assert placement.demand_of(order) == {flakes.pk: 2, oil.pk: 1}
    shares = order.lines.get().components.values_list("variant_id", "quantity", "gross_share")
    assert list(shares) == [(flakes.pk, 2, 2117), (oil.pk, 1, 882)]
    assert inventory.allocate(order.stock_reference, at=AT)
    assert inventory.differences() == []
