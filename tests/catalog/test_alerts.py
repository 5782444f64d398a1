"""Low stock is told once, and again only after it has been above."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from catalog import alerts, inventory
from catalog.models import LowStockAlert
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_bundle, make_variant, put_in_stock

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def staff(settings):
    settings.STAFF_ALERT_EMAILS = ["stock@shop.example", "owner@shop.example"]


def sell(variant, n, number=1):
    reference = f"order:{variant.sku}:{number}"
    inventory.reserve(reference=reference, quantities={variant.pk: n}, until=AT, at=AT)
    return reference


def mails():
    return list(OutboxMessage.objects.order_by("pk").values_list("to", "subject"))


def test_a_variant_that_falls_to_its_reorder_point_is_mailed_once_to_each_address():
    variant = make_variant(sku="FLK", stock=12, reorder_point=10, reorder_quantity=48, lead_time_days=14)
    make_variant(sku="OIL", stock=11, reorder_point=10)
    sell(variant, 2)

    for minute in range(3):
        alerts.watch_stock(at=AT + timedelta(minutes=minute))

    subject = "Low stock: FLK, 10 left"
    assert mails() == [("stock@shop.example", subject), ("owner@shop.example", subject)]
    text = OutboxMessage.objects.first().text
    assert "10 left to promise; reorder at 10. Usual order: 48. Takes about 14 days to come." in text
    assert "OIL" not in text


def test_one_unit_above_the_reorder_point_is_not_low():
    make_variant(stock=11, reorder_point=10)

    assert alerts.watch_stock(at=AT) == []

    assert mails() == []


def test_it_is_told_again_only_after_it_has_been_above_and_not_twice_a_day():
    variant = make_variant(sku="FLK", stock=12, reorder_point=10)
    reference = sell(variant, 2)
    alerts.watch_stock(at=AT)
    inventory.release(reference, at=AT)
    alerts.watch_stock(at=AT + HOUR)
    assert LowStockAlert.objects.get().ended_at == AT + HOUR

    sell(variant, 3, number=2)
    assert alerts.watch_stock(at=AT + 2 * HOUR) == []
    (second,) = alerts.watch_stock(at=AT + 25 * HOUR)

    assert (second.available, second.reorder_point) == (9, 10)
    assert len(mails()) == 4


def test_many_that_fall_together_are_one_mail():
    for sku in ("FLK-A", "FLK-B", "FLK-C"):
        make_variant(sku=sku, stock=2, reorder_point=5)

    assert len(alerts.watch_stock(at=AT)) == 3

    assert {subject for _, subject in mails()} == {"Low stock: FLK-A, 2 left, and 2 more"}
    assert len(mails()) == 2


def test_goods_that_are_not_sold_any_more_and_bundles_are_not_mailed_about():
    gone = make_variant(stock=1, reorder_point=5)
    gone.archived_at = timezone.now()
    gone.save()
    make_bundle([(make_variant(stock=50), 1)])

    assert alerts.watch_stock(at=AT) == []


def test_stock_that_came_in_ends_the_alert():
    variant = make_variant(stock=2, reorder_point=5)
    alerts.watch_stock(at=AT)

    put_in_stock(variant, 20)
    alerts.watch_stock(at=AT + HOUR)

    assert LowStockAlert.objects.get().ended_at == AT + HOUR
    assert len(mails()) == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_write_one_mail():
    variant = make_variant(sku="FLK", stock=2, reorder_point=5)
    start = threading.Barrier(4)

    def sweep(number):
        try:
            start.wait(timeout=30)
            return len(alerts.watch_stock(at=AT + timedelta(microseconds=number)))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(sweep, range(4)))

    assert sorted(found) == [0, 0, 0, 1]
    assert LowStockAlert.objects.get().variant == variant
    assert len(mails()) == 2
