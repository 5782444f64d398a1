"""Staff find an order by whatever they were told of it, each way by an index, and read times in the shop's zone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orders.models import Order, Refill, Shipment, Subscription
from shop.admin import ShopAdmin, site, when
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import HOME, make_customer, make_order, make_paid_order, make_subscription

pytestmark = pytest.mark.django_db

SUMMER = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)


def found(model: Any, term: str) -> list[Any]:
    page = site._registry[model]
    rows, _ = page.get_search_results(HttpRequest(), model.objects.all(), term)
    return list(rows)


@pytest.fixture
def mine() -> Order:
    variant = make_variant(sku="FLK-ORI-1000")
    address = {**HOME, "name": "Zoë Łukasz-Byron", "postal_code": "BS1 4QD"}
    order = make_paid_order(
        variant=variant, reference="K7MPW2X9QA", email="Zoe@buyer.example", shipping_address=address
    )
    Shipment.objects.create(
        order=order, address=address, weight_g=1045, carrier="Royal Mail", tracking_number="QX123456785GB",
        reference="S-7QX2M9KA", packed_at=AT,
    )  # fmt: skip
    make_order(
        variant=make_variant(sku="OIL-STR-0100"), reference="Z9Z9Z9Z9Z9", email="nobody@buyer.example",
        shipping_address={**HOME, "name": "Grace Hopper"},
    )  # fmt: skip
    return order


@pytest.mark.parametrize(
    "term",
    [
        "K7MPW2X9QA", "k7mp", " k7mpw2 ", "zoe@buyer.example", "ZOE@", "Byron", "łukasz", "zoë łuk", "uka",
        "BS1 4QD", "bs14qd", "BS1", "flk-ori-1000", "QX123456785GB", "qx1234", "s-7qx2", "K7MPW2X9QA\u200b",
    ],
)  # fmt: skip
def test_an_order_is_found_by_what_staff_are_told(term: str, mine: Order) -> None:
    assert found(Order, term) == [mine]


@pytest.mark.parametrize(
    "term", ["by", "%", "_", "ORI-1000", "4QD", "123456785", "nobody@seller", "'; --", "\\"]
)
def test_what_is_no_beginning_and_no_name_finds_nothing(term: str, mine: Order) -> None:
    assert mine not in found(Order, term)


def test_a_wide_term_ends_at_a_limit(mine: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShopAdmin, "FOUND_AT_MOST", 3)
    for _ in range(5):
        make_order(variant=mine.lines.get().variant, email="many@buyer.example")

    assert len(found(Order, "many@")) == 3


def test_a_search_within_a_filter_stays_within_it(mine: Order) -> None:
    page = site._registry[Order]
    disputed, _ = page.get_search_results(HttpRequest(), Order.objects.filter(is_disputed=True), "Byron")

    assert list(disputed) == []


@pytest.mark.parametrize(
    ("term", "index"),
    [
        ("Byron", "orders_order_name"),
        ("BS14QD", "orders_order_postcode"),
        ("zoe@", "orders_order_email_prefix"),
        ("K7MP", "orders_order_reference"),
        ("FLK-ORI-1000", "orders_order_line_sku"),
        ("QX12", "orders_shipment_tracking"),
    ],
)
def test_every_way_has_an_index(term: str, index: str, mine: Order) -> None:
    with connection.cursor() as cursor:
        # A table of two rows is read whole otherwise, by one way or another.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    with CaptureQueriesContext(connection) as asked:
        found(Order, term)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        assert index in "\n".join(line for (line,) in cursor.fetchall())


def test_refills_and_subscriptions_are_found_by_their_customer_and_reference() -> None:
    customer = make_customer(email="Refiller@buyer.example")
    other = make_customer()
    variant = make_variant(sku="FLK-T-9")
    mine = make_subscription(make_paid_order(variant=variant), customer)
    make_subscription(make_paid_order(variant=make_variant()), other)

    for term in ("refiller@", mine.reference[:8].lower(), "flk-t-9"):
        assert found(Subscription, term) == [mine], term
    refill = Refill.objects.get(customer=customer)
    for term in ("REFILLER@buyer", refill.reference[:8]):
        assert found(Refill, term) == [refill], term


def test_a_moment_names_its_zone_in_winter_and_in_summer() -> None:
    assert when(AT).replace("\N{NO-BREAK SPACE}", " ") == "23 Nov 2026, 09:00 GMT"
    assert when(SUMMER).replace("\N{NO-BREAK SPACE}", " ") == "2 Jul 2026, 00:30 BST"


def test_a_detail_page_shows_times_of_the_shops_zone(admin_client: Client) -> None:
    order = make_paid_order(placed_at=SUMMER, paid_at=SUMMER)
    payment = order.payment
    payment.succeeded_at = SUMMER
    payment.save()

    for model, pk in ((Order, order.pk), (type(payment), payment.pk)):
        meta = model._meta
        page = admin_client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[pk]))
        shown = page.content.decode().replace("\N{NO-BREAK SPACE}", " ")
        assert "2 Jul 2026, 00:30 BST" in shown, meta.label
        assert "1 Jul 2026, 23:30" not in shown, meta.label
    assert timezone.get_current_timezone_name() == "UTC", "only the admin's pages are in that zone"
