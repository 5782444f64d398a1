"""Staff's first page: numbers that lead to the lists behind them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from catalog import inventory
from catalog.models import StockLevel, StockReservation
from orders.models import Order, Refill
from shop.accounts.models import User
from shop.backoffice import dashboard
from shop.clock import reading
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant, put_in_stock
from tests.factories.orders import make_customer, make_order, make_paid_order, make_subscription
from tests.factories.parcels import make_allocated_order, pack


@pytest.fixture
def busy_day(db: None) -> None:
    """One row for every number, and beside each a row that does not count."""
    variant = make_variant(stock=50)
    make_paid_order(variant=variant)
    make_paid_order(variant=variant, fulfilment_status=Order.FulfilmentStatus.FULFILLED)
    make_paid_order(variant=variant, review_reason="The amounts differ.")
    pack(make_allocated_order(variant=variant))
    payment = make_order(variant=variant).payment
    payment.last_decline_code = "generic_decline"
    payment.save()
    customer = make_customer()
    make_subscription(make_paid_order(variant=variant, status=Order.Status.CANCELLED), customer)
    Refill.objects.update(status=Refill.Status.DUNNING, stumbles=1, rests_until=reading.now())
    short = make_variant(stock=2, reorder_point=5)
    lot = short.lots.get()
    inventory.quarantine(put_in_stock(variant, 3), actor=None, cause="q", at=reading.now())
    StockReservation.objects.create(
        reference="order:S", variant=variant, quantity=1, status="short", created_at=reading.now()
    )
    lot.best_before_on = reading.now().date() + timedelta(days=short.min_remaining_life_days + 10)
    lot.save()
    now = reading.now()
    for number, attempts in ((1, 2), (2, 0)):
        OutboxMessage.objects.create(
            kind="refund", subject_key=f"order:{number}", to="ada@shop.example", subject="Refund", text="-",
            html="-", message_id=f"<{number}@shop.example>", next_attempt_at=now, created_at=now,
            attempts=attempts,
        )  # fmt: skip


def request_of(user: User) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


def test_every_number_counts_what_its_list_shows(
    busy_day: None, admin_client: Client, admin_user: User
) -> None:
    tasks = list(dashboard.tasks_for(request_of(admin_user), at=reading.now()))

    assert {task.title: task.count for task in tasks} == {
        "Orders to pick": 1,
        "Parcels to dispatch": 1,
        "Orders to review": 1,
        "Declined payments": 1,
        "Withdrawals to answer": 0,
        "Returns to look at": 0,
        "Tomorrow's refills": 0,
        "Refills in dunning": 1,
        "Refills that stumble": 1,
        "Low stock": 1,
        "Short of stock": 1,
        "Lots to release": 1,
        "Lots near their end": 1,
        "Mails not sent": 1,
    }
    for task in tasks:
        answer = admin_client.get(task.link)
        assert answer.status_code == 200, task.title
        shown = answer.context.get("cl")
        rows = shown.result_count if shown else len(answer.context["tables"][0].rows)
        assert rows == task.count, task.title


def test_the_first_page_stays_within_twelve_queries(
    busy_day: None, admin_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    with django_assert_max_num_queries(12):
        page = admin_client.get(reverse("admin:index")).content.decode()

    assert "Orders to pick" in page


def test_staff_see_only_numbers_of_what_they_may_open(busy_day: None) -> None:
    packer = User.objects.create_user("packer@shop.example", "-", is_staff=True)
    packer.user_permissions.add(Permission.objects.get(codename="view_stocklevel"))

    tasks = list(dashboard.tasks_for(request_of(packer), at=reading.now()))

    assert [task.title for task in tasks] == ["Low stock"]
    assert StockLevel.objects.count() == 2


def test_the_old_address_of_the_icon_leads_to_the_mark(client: Client) -> None:
    answer = client.get("/favicon.ico")

    assert (answer.status_code, answer["Location"]) == (301, "/static/shop/art/mark.svg")
