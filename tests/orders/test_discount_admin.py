"""Discounts in the admin: typed in major units, checked whole, codes generated and downloaded."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from orders.models import Discount, DiscountAmount, DiscountCode, OrderDiscount
from tests.factories.catalog import AT
from tests.factories.discounts import make_discount
from tests.factories.orders import make_order

pytestmark = pytest.mark.django_db

ADD = "admin:orders_discount_add"


def _form(**fields: Any) -> dict[str, Any]:
    return {
        "label": "Spring", "kind": "percent", "percent": "10", "scope": "everything", "is_combinable": "on",
        "is_active": "on", "starts_at_0": "01/11/2026", "starts_at_1": "09:00:00", "amounts-TOTAL_FORMS": "0",
        "amounts-INITIAL_FORMS": "0", **fields,
    }  # fmt: skip


def test_amounts_are_typed_as_people_write_them(admin_client: Client) -> None:
    amounts = {
        "amounts-TOTAL_FORMS": "2", "amounts-0-currency": "GBP", "amounts-0-off": "5",
        "amounts-0-minimum": "29.50", "amounts-1-currency": "EUR", "amounts-1-off": "6.00",
    }  # fmt: skip

    answer = admin_client.post(reverse(ADD), _form(kind="fixed", percent="", **amounts))

    assert answer.status_code == 302, answer.content
    rows = DiscountAmount.objects.order_by("currency").values_list("currency", "amount_off", "minimum_spend")
    assert list(rows) == [("EUR", 600, None), ("GBP", 500, 2950)]


@pytest.mark.parametrize(
    "fields",
    [
        {"percent": ""},
        {"percent": "0"},
        {"percent": "101"},
        {"kind": "free_shipping"},
        {"kind": "fixed", "percent": ""},
        {"scope": "products"},
        {"scope": "categories"},
        {"ends_at_0": "31/10/2026", "ends_at_1": "09:00:00"},
        {"amounts-TOTAL_FORMS": "1", "amounts-0-currency": "GBP", "amounts-0-off": "5"},
        {"amounts-TOTAL_FORMS": "1", "amounts-0-currency": "GBP", "amounts-0-minimum": "5.001"},
        {"amounts-TOTAL_FORMS": "1", "amounts-0-currency": "JPY", "amounts-0-minimum": "5"},
    ],
)
def test_a_discount_whose_parts_do_not_fit_is_refused(admin_client: Client, fields: dict[str, str]) -> None:
    answer = admin_client.post(reverse(ADD), _form(**fields))

    assert answer.status_code == 200
    assert b"error" in answer.content
    assert not Discount.objects.exists()


def test_a_cap_under_what_was_used_is_refused(admin_client: Client) -> None:
    discount = make_discount(code="TEN", max_uses=5)
    for number in (1, 2):
        OrderDiscount.objects.create(
            order=make_order(), position=1, discount=discount, label="-", amount=1, customer_key=str(number),
            use_of_discount=number, taken_at=AT,
        )  # fmt: skip

    page = reverse("admin:orders_discount_change", args=[discount.pk])
    refused = admin_client.post(page, _form(max_uses="1"))
    taken = admin_client.post(page, _form(max_uses="2"))

    assert b"used 2 times already" in refused.content
    assert taken.status_code == 302
    assert b"2 of 2" in admin_client.get(reverse("admin:orders_discount_changelist")).content


def test_codes_are_generated_and_downloaded(admin_client: Client) -> None:
    discount = make_discount(code="OWN")
    generate = reverse("admin:orders_discount_generate", args=[discount.pk])

    answer = admin_client.post(generate, {"count": "25", "begins_with": "Spring", "max_uses": "1"})

    assert answer.status_code == 302
    download = admin_client.get(reverse("admin:orders_discount_download_codes", args=[discount.pk]))
    lines = b"".join(download).decode().split("\r\n")  # type: ignore[call-overload]
    assert lines[0] == "code,used,may_be_used,active"
    assert len([line for line in lines if line.startswith("SPRING")]) == 25
    assert DiscountCode.objects.filter(max_uses=1).count() == 25


def test_a_code_of_ones_own_is_kept_as_it_is_compared(admin_client: Client) -> None:
    discount = make_discount(code="OWN")
    page = reverse("admin:orders_discountcode_add")

    made = admin_client.post(page, {"discount": discount.pk, "code": "spring-sale 26", "is_active": "on"})
    twice = admin_client.post(page, {"discount": discount.pk, "code": "SPRINGSALE26", "is_active": "on"})
    odd = admin_client.post(page, {"discount": discount.pk, "code": "=cmd|x", "is_active": "on"})

    assert (made.status_code, twice.status_code, odd.status_code) == (302, 200, 200)
    assert sorted(DiscountCode.objects.values_list("code", flat=True)) == ["OWN", "SPRINGSALE26"]


def test_who_may_only_look_generates_nothing(client: Client) -> None:
    discount = make_discount(code="OWN")
    user = get_user_model().objects.create_user(email="look@shop.example", password="pw", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_discount"))
    client.force_login(user)

    answer = client.post(
        reverse("admin:orders_discount_generate", args=[discount.pk]), {"count": "5", "max_uses": "1"}
    )

    assert answer.status_code in {302, 403}
    assert DiscountCode.objects.count() == 1
