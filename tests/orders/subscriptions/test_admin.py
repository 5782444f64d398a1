"""Subscriptions and refills as staff see them."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from orders.models import Refill, Subscription
from shop.accounts.models import User
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("manager@shop.example", "secret-words-9"))
    return client


@pytest.mark.parametrize("page", ["subscription", "refill", "savedcard"])
def test_a_list_costs_the_same_however_long_it_is(
    routine: Routine, manager: Client, page: str, django_assert_max_num_queries: Any
) -> None:
    for _ in range(15):
        (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(subscription).due_at - days(4))

    with django_assert_max_num_queries(12):
        answer = manager.get(f"/admin/orders/{page}/")

    assert answer.status_code == 200


def test_a_detail_page_shows_cycles_items_and_money(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    shown = manager.get(f"/admin/orders/subscription/{subscription.pk}/change/").content.decode()
    parcel = manager.get(f"/admin/orders/refill/{refill.pk}/change/").content.decode()

    assert "£11.25" in shown
    assert refill.reference in shown
    assert "£15.20" in parcel
    assert "£11.25" in parcel


@pytest.mark.parametrize(
    ("action", "status", "cycles"),
    [("pause", "paused", 1), ("skip", "active", 2), ("cancel", "cancelled", 1)],
)
def test_buttons_call_the_verbs(
    routine: Routine, manager: Client, action: str, status: str, cycles: int
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    manager.post("/admin/orders/subscription/", {"action": action, "_selected_action": [subscription.pk]})

    subscription.refresh_from_db()
    assert (subscription.status, subscription.cycles.count()) == (status, cycles)


def test_a_refusal_is_shown_and_changes_nothing(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(subscription).due_at - days(5))
    Refill.objects.update(status="claimed", claimed_at=routine.at)

    answer = manager.post(
        "/admin/orders/subscription/",
        {"action": "pause", "_selected_action": [subscription.pk]},
        follow=True,
    )

    assert "Try again once it is paid" in answer.content.decode()
    assert Subscription.objects.get().status == "active"


def test_who_may_only_look_has_no_buttons(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    support = User.objects.create_user("support@shop.example", "secret-words-9", is_staff=True)
    support.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    client = Client()
    client.force_login(support)

    client.post("/admin/orders/subscription/", {"action": "cancel", "_selected_action": [subscription.pk]})

    subscription.refresh_from_db()
    assert subscription.status == "active"
