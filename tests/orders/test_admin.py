"""Every list of the admin stays within its budget, and shows money as people write it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.db import connection, models, transaction
from django.test import Client
from django.urls import reverse

from orders import invoices, sample_data
from orders.models import (
    Order,
    OrderDiscount,
    OrderLineComponent,
    RecallNotice,
    Return,
    SellerIdentity,
    Shipment,
    ShipmentLine,
    ShippingMethod,
    ShippingRate,
    ShippingZone,
    TaxRate,
    Withdrawal,
)
from shop.admin import EstimatingPaginator, site
from shop.mail.models import OutboxMessage
from shop.navigation import GROUPS
from tests.factories.catalog import AT, make_variant
from tests.factories.discounts import make_discount
from tests.factories.orders import (
    HOME,
    make_cart,
    make_customer,
    make_dispute,
    make_event,
    make_order,
    make_paid_order,
    make_refund,
    make_subscription,
    make_warning,
)

ROWS = 24
QUERIES = 12
PAGES = sorted(site._registry.items(), key=lambda page: page[0]._meta.label)


@pytest.fixture
def full_shop(db: None) -> None:
    """Orders with everything that hangs on them, more than a list could hide a query per row in."""
    sample_data.load(at=AT)
    variant = make_variant()
    for number in range(ROWS):
        customer = make_customer()
        order = make_paid_order(variant=variant, customer=customer)
        make_refund(order)
        make_dispute(order)
        make_warning(order)
        make_subscription(order, customer)
        _region(number)
        make_order(variant=variant)
        make_cart(variant=variant)
        make_event()
        _parcel(order)
        _discount(number, order)
        _paper_and_returns(order)
    _mails()


def _discount(number: int, order: Order) -> None:
    discount = make_discount(code=f"CODE{number}", off={"GBP": 100})
    OrderDiscount.objects.create(
        order=order,
        position=1,
        discount=discount,
        discount_code=discount.codes.get(),
        label="-",
        amount=100,
        customer_key=str(number),
        taken_at=AT,
    )


def _paper_and_returns(order: Order) -> None:
    """An invoice, a credit note, a matched statement of withdrawal and a return of an order."""
    order = Order.objects.select_related("payment").get(pk=order.pk)
    with transaction.atomic():
        invoices.issue_invoice(order, at=AT)
        invoices.issue_credit_note(order.payment.refunds.get(), at=AT)
    withdrawal = Withdrawal.objects.create(
        source="page", name="Ada", email=order.email, order_given=order.reference, statement="I withdraw.",
        received_at=AT, status="matched", order=order, matched_at=AT,
    )  # fmt: skip
    Return.objects.create(
        order=order, withdrawal=withdrawal, reason="-", status="closed", opened_at=AT, inspected_at=AT,
        refund=order.payment.refunds.get(), closed_at=AT,
    )  # fmt: skip


def _parcel(order: Order) -> None:
    """A packed parcel with one line, and its customer told about its lot: as rows alone."""
    part = OrderLineComponent.objects.select_related("variant").get(line__order=order)
    lot = part.variant.lots.get()
    parcel = Shipment.objects.create(order=order, address=HOME, weight_g=2210, packed_at=AT)
    ShipmentLine.objects.create(
        shipment=parcel, component=part, variant=part.variant, sku=part.sku, lot=lot, quantity=2
    )
    RecallNotice.objects.create(lot=lot, email=order.email, units=2, created_at=AT)


def _region(number: int) -> None:
    zone = ShippingZone.objects.create(
        code=f"Z{number}", name=f"Zone {number}", countries=["GB"], currency="GBP", prices_include_tax=True,
        regulatory_region="GB", position=90,
    )  # fmt: skip
    method = ShippingMethod.objects.create(
        zone=zone, code="slow", name="Slow", transit_days_min=3, transit_days_max=9
    )
    ShippingRate.objects.create(method=method, max_weight_g=1000, amount=395)
    TaxRate.objects.create(country="GB", region=f"R{number}", name="VAT", rate=20, starts_on=AT.date())
    SellerIdentity.objects.create(
        region=f"region-{number}", legal_name="Shop Ltd", address="-", email="law@shop.example",
        responsible_person="-",
    )  # fmt: skip


def _mails() -> None:
    OutboxMessage.objects.bulk_create(
        OutboxMessage(
            kind="refund", subject_key=f"order:{number}", to="ada@shop.example", subject="Refund", text="-",
            html="-", message_id=f"<{number}@shop.example>", next_attempt_at=AT, created_at=AT,
        )
        for number in range(ROWS)
    )  # fmt: skip


@pytest.mark.parametrize(("model", "page"), PAGES, ids=[model._meta.label for model, _ in PAGES])
def test_every_list_stays_within_twelve_queries(
    model: type[models.Model],
    page: ModelAdmin,
    full_shop: None,
    admin_client: Client,
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    with django_assert_max_num_queries(QUERIES):
        answer = admin_client.get(address)

    assert answer.status_code == 200


@pytest.mark.parametrize(("model", "page"), PAGES, ids=[model._meta.label for model, _ in PAGES])
def test_every_record_opens(
    model: type[models.Model], page: ModelAdmin, full_shop: None, admin_client: Client
) -> None:
    row = model._default_manager.first()
    if row is None:
        pytest.skip("no row of it in this shop")
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])

    assert admin_client.get(address).status_code == 200


def test_every_page_is_in_the_sidebar_once() -> None:
    listed = [label for records in GROUPS.values() for label, _ in records]

    assert len(listed) == len(set(listed))
    assert {model._meta.label for model, _ in PAGES} <= set(listed)


def test_the_order_list_shows_sixty_orders_within_twelve_queries(
    db: None, admin_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    variant = make_variant()
    for number in range(60):
        make_paid_order(variant=variant, is_disputed=number % 2 == 0, review_reason="looks odd")

    with django_assert_max_num_queries(QUERIES):
        page = admin_client.get(reverse("admin:orders_order_changelist")).content.decode()

    assert "£28.95" in page
    assert "2895" not in page


@pytest.mark.parametrize("term", ["ada@", "ADA@BUYER.EXAMPLE", "k7mpw2", "K7MPW2X9Q4"])
def test_an_order_is_found_by_the_beginning_of_its_reference_or_address(
    term: str, db: None, admin_client: Client
) -> None:
    variant = make_variant()
    make_order(variant=variant, reference="K7MPW2X9Q4", email="Ada@buyer.example")
    make_order(variant=variant, reference="Z9Z9Z9Z9Z9", email="nada@buyer.example")

    page = admin_client.get(reverse("admin:orders_order_changelist"), {"q": term}).content.decode()

    assert "K7MPW2X9Q4" in page
    assert "Z9Z9Z9Z9Z9" not in page


def test_a_search_by_address_can_use_its_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    plan = Order.objects.filter(email__istartswith="ada@").order_by().values("pk").explain()

    assert "orders_order_email_prefix" in plan


def test_a_long_list_is_estimated_and_a_long_filtered_one_ends(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EstimatingPaginator, "EXACT_UP_TO", 3)
    variant = make_variant()
    for _ in range(5):
        make_order(variant=variant)

    assert EstimatingPaginator(Order.objects.all(), 50).count >= 4
    assert EstimatingPaginator(Order.objects.filter(is_test=True), 50).count == 3
    assert EstimatingPaginator(Order.objects.filter(is_test=False), 50).count == 0


def test_a_shipping_price_is_typed_and_shown_in_pounds(db: None, admin_client: Client) -> None:
    sample_data.load(at=AT)
    rate = ShippingRate.objects.select_related("method").filter(method__zone__currency="GBP").first()
    assert rate is not None
    address = reverse("admin:orders_shippingrate_change", args=[rate.pk])

    answer = admin_client.post(address, {"max_weight_g": 2500, "price": "4.75"})

    rate.refresh_from_db()
    assert answer.status_code == 302
    assert (rate.max_weight_g, rate.amount) == (2500, 475)
    assert 'value="4.75"' in admin_client.get(address).content.decode()


def test_a_price_finer_than_a_penny_is_refused_in_words(db: None, admin_client: Client) -> None:
    sample_data.load(at=AT)
    method = ShippingMethod.objects.filter(zone__currency="GBP").first()
    assert method is not None
    before = method.free_over

    answer = admin_client.post(
        reverse("admin:orders_shippingmethod_change", args=[method.pk]),
        {
            "code": method.code, "name": method.name, "price": "50.005", "transit_days_min": 1,
            "transit_days_max": 2, "position": 0, "rates-TOTAL_FORMS": 0, "rates-INITIAL_FORMS": 0,
        },
    )  # fmt: skip

    method.refresh_from_db()
    assert "more decimals than GBP" in answer.content.decode()
    assert method.free_over == before
