"""Subscriptions and refills as staff see them."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from orders.admin import refill_history, subscription_buttons
from orders.models import Refill, Subscription
from orders.subscriptions import bulk, changes, diary, extras, repricing
from shop.accounts.models import User
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors_clock")]


@pytest.fixture
def manager() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("manager@shop.example", "secret-words-9"))
    return client


@pytest.mark.parametrize(
    "page",
    ["subscription", "refill", "savedcard", "refillextra", "pricerise", "bulkchange", "bulkchangerow"],
)
def test_a_list_costs_the_same_however_long_it_is(
    routine: Routine, manager: Client, page: str, django_assert_max_num_queries: Any
) -> None:
    staff = User.objects.get(email="manager@shop.example")
    for _ in range(15):
        (subscription,) = routine.begin((make_variant(), 1, "week", 4))
        extras.add(subscription, sku=make_variant().sku, quantity=1, at=routine.at)
        repricing.reprice_one(
            subscription, unit_price=1300, applies_at=routine.at + days(9), actor=None, at=routine.at
        )
        bulk.draft("skip", Subscription.objects.all(), actor=staff, at=routine.at)
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
    ("button", "typed", "status", "cycles"),
    [
        ("pause_until", {}, "paused", 1),
        ("skip_next", {}, "active", 2),
        ("shift", {"days": 7}, "active", 1),
        ("rhythm", {"interval": 6, "unit": "week"}, "active", 1),
        ("quantity", {"quantity": 3}, "active", 1),
        ("cancel_it", {"reason": "Moved house."}, "cancelled", 1),
    ],
)
def test_buttons_call_the_verbs_in_the_name_of_who_pressed_them(
    routine: Routine, manager: Client, button: str, typed: dict[str, Any], status: str, cycles: int
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    press(manager, subscription, button, **typed)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.cycles.count()) == (status, cycles)
    event = subscription.events.get()
    assert (event.by, event.actor) == ("staff", User.objects.get(email="manager@shop.example"))


def test_a_second_click_on_the_same_page_changes_nothing(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    seen = seen_on(manager, subscription, "skip_next")
    press(manager, subscription, "skip_next", seen=seen)

    answer = press(manager, subscription, "skip_next", seen=seen)

    assert "Somebody has changed it meanwhile" in answer.content.decode()
    assert subscription.cycles.count() == 2


def test_a_shift_moves_the_next_day_and_the_rhythm_with_it(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_on = cycle_of(subscription).due_on

    press(manager, subscription, "shift", days=9)

    subscription.refresh_from_db()
    assert cycle_of(subscription).due_on == due_on + days(9)
    assert subscription.anchor_on == due_on + days(9)


def test_a_swap_is_offered_within_the_family_and_takes_todays_price(
    routine: Routine, manager: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    other = make_variant(sku="FLK-2500", product__kind=subscription.variant.product.kind)

    press(manager, subscription, "swap", sku=other.sku)

    subscription.refresh_from_db()
    assert (subscription.variant, subscription.unit_price) == (other, 1125)


def test_send_now_charges_what_was_shown_and_keeps_how_they_asked(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    page = manager.get(button_url(subscription, "send_now")).content.decode()
    assert "£15.20 is charged to the" in page

    press(manager, subscription, "send_now", expected_total=1520, asked="On the phone.")

    refill = Refill.objects.get()
    assert (refill.quoted_total, refill.asked_at is not None) == (1520, True)
    assert any("On the phone." in event.message for event in subscription.events.all())


def test_a_link_for_another_card_goes_to_its_owner_and_staff_do_not_see_it(
    routine: Routine, manager: Client, client: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    asked = manager.get(button_url(subscription, "card_link")).content.decode()
    assert mails("refill_card_link") == [], "looking sends nothing"

    press(manager, subscription, "card_link")

    (mail,) = mails("refill_card_link")
    event = subscription.events.get()
    assert (mail.to, event.by) == (subscription.customer.email, "staff")
    assert event.message == "A link for another card was mailed to its owner."
    assert subscription.customer.email in asked
    found = re.search(r"/r/\S+/card", mail.text)
    assert found
    assert client.get(found[0]).status_code == 200
    shown = manager.get(reverse("admin:mail_outboxmessage_change", args=[mail.pk])).content.decode()
    assert found[0] not in shown
    assert found[0] not in words_of(manager, subscription)


def test_staff_send_it_elsewhere_and_what_was_announced_is_announced_afresh(
    routine: Routine, manager: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    first = routine.remind(due_at - days(5))
    there = {**subscription.shipping_address, "line1": "3 Mill Lane", "city": "York", "postal_code": "yo17hh"}

    press(manager, subscription, "elsewhere", **there)
    second = routine.remind(due_at - days(4))

    subscription.refresh_from_db()
    first.refresh_from_db()
    assert subscription.shipping_address["postal_code"] == "YO1 7HH"
    assert (first.status, second.shipping_address["city"]) == ("skipped", "York")
    event = subscription.events.get()
    assert (event.by, event.message) == ("staff", "From the next refill on it goes to another address.")
    assert len(mails("subscription_changed")) == 1


def test_an_address_that_cannot_be_is_shown_at_its_field_and_nothing_is_changed(
    routine: Routine, manager: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    before = subscription.shipping_address
    there = {**before, "postal_code": "nowhere"}

    answer = press(manager, subscription, "elsewhere", **there)

    subscription.refresh_from_db()
    assert answer.context["form"].errors.keys() == {"postal_code"}
    assert subscription.shipping_address == before
    assert not subscription.events.exists()


@pytest.mark.parametrize("button", ["card_link", "elsewhere"])
def test_a_cancelled_one_has_no_link_and_no_address_to_change(
    routine: Routine, manager: Client, button: str
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    seen = seen_on(manager, subscription, button)
    changes.cancel(subscription, reason="Enough.", at=routine.at)

    answer = press(manager, subscription, button, seen=seen, **subscription.shipping_address)

    assert "It was cancelled" in answer.content.decode()
    assert mails("refill_card_link") == []
    assert not {button} & subscription_buttons.possible(subscription, at=routine.at)


def test_at_another_total_than_the_one_shown_nothing_is_sent(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    answer = press(manager, subscription, "send_now", expected_total=1, asked="On the phone.")

    assert "It is now £15.20" in answer.content.decode()
    assert Refill.objects.count() == 0


def test_only_buttons_whose_verbs_could_succeed_are_there(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))
    assert subscription_buttons.possible(subscription, at=routine.at) == {
        "pause_until", "skip_next", "cancel_it", "shift", "rhythm", "quantity", "swap", "send_now",
        "elsewhere", "card_link",
    }  # fmt: skip

    Refill.objects.filter(pk=refill.pk).update(status="claimed", claimed_at=routine.at)
    assert subscription_buttons.possible(subscription, at=routine.at) == {"cancel_it"}
    page = manager.get(f"/admin/orders/subscription/{subscription.pk}/change/").content.decode()
    assert "A charge is on its way." in page
    assert "pause_until" not in page


def test_a_refusal_is_shown_and_changes_nothing(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(subscription).due_at - days(5))
    Refill.objects.update(status="claimed", claimed_at=routine.at)

    answer = press(manager, subscription, "pause_until")

    assert "Try again once it is paid" in answer.content.decode()
    assert Subscription.objects.get().status == "active"


def test_who_may_only_look_has_no_buttons(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    support = User.objects.create_user("support@shop.example", "secret-words-9", is_staff=True)
    support.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    client = Client()
    client.force_login(support)

    answer = client.post(button_url(subscription, "cancel_it"), {"reason": "So.", "seen": ""})

    subscription.refresh_from_db()
    assert answer.status_code == 403
    assert subscription.status == "active"


def test_the_page_says_the_next_dates_the_next_charge_and_its_ceiling(
    routine: Routine, manager: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    before = words_of(manager, subscription)
    routine.remind(cycle_of(subscription).due_at - days(5))
    after = words_of(manager, subscription)

    for day in ("21 Dec 2026", "18 Jan 2027", "15 Feb 2027", "15 Mar 2027"):
        assert day in before
    assert "£15.20 (£3.95 of it shipping" in before
    assert "Not announced yet." in before
    assert "At most £15.20, as its notice says" in after
    assert "Goes out as it is." in after


def test_the_page_says_why_nothing_will_be_charged(routine: Routine, manager: Client, settings: Any) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    settings.REFILLS_ENABLED = False
    Subscription.objects.update(card=None)
    changes.pause(subscription, until=None, at=routine.at)

    shown = words_of(manager, subscription)

    assert "It rests: Paused by the customer." in shown
    assert "It has no card" in shown
    assert "Refills are switched off here" in shown
    assert "Nothing is charged." in shown


def test_a_price_above_the_notice_is_shown_to_wait_for_a_new_one(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(subscription).due_at - days(5))
    Refill.objects.update(quoted_total=1000)

    assert "It comes to more than its owner was told" in words_of(manager, subscription)


def test_the_history_holds_every_kind_of_fact_newest_first(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at - days(5)
    extras.add(subscription, sku=make_variant(sku="OIL").sku, quantity=1, at=at)
    repricing.reprice_one(
        subscription, unit_price=1300, applies_at=at + days(10), actor=None, at=at + days(0.1)
    )
    routine.remind(at + days(0.2))
    changes.skip(subscription, at=at + days(0.3))

    entries, older = refill_history.page_of(subscription, before=None)

    kinds = {entry.kind for entry in entries}
    assert kinds == {"change", "consent", "cycle", "mail", "once", "order", "price", "refill"}
    assert older is None
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    said = " ".join(entry.words for entry in entries)
    assert "We leave out the next one" in said
    assert "£11.25 → £13.00 a piece" in said


def test_a_long_history_is_paged_and_costs_the_same(
    routine: Routine, manager: Client, django_assert_max_num_queries: Any
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    for number in range(130):
        diary.note(subscription, f"Note {number}.", at=routine.at + days(number))
    page = f"/admin/orders/subscription/{subscription.pk}/change/"

    with django_assert_max_num_queries(36):
        first = manager.get(page).content.decode()
    _, older = refill_history.page_of(subscription, before=None)
    assert older is not None
    second = manager.get(page, {"before": older.isoformat()}).content.decode()

    assert "Note 129." in first
    assert "Note 70." not in first
    assert "Note 70." in second
    assert "Note 129." not in second
    assert manager.get(page, {"before": "no day"}).status_code == 200


@pytest.mark.parametrize(
    "moment",
    [
        "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-01-01T00:00:00",
        "9" * 500,
    ],
)
def test_a_moment_that_there_is_not_shows_the_newest_of_the_history(
    routine: Routine, manager: Client, moment: str
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    page = manager.get(f"/admin/orders/subscription/{subscription.pk}/change/", {"before": moment})

    assert page.status_code == 200
    assert "History, newest first" in page.content.decode()


def test_the_date_of_what_was_cancelled_meanwhile_is_not_moved(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    seen = seen_on(manager, subscription, "shift")
    changes.cancel(subscription, reason="Moved house.", at=routine.at)

    answer = press(manager, subscription, "shift", days=5, seen=seen)

    assert answer.status_code == 200
    assert "It was cancelled meanwhile" in answer.content.decode()
    assert not subscription.cycles.filter(status="open").exists()


def test_reading_a_page_changes_nothing(routine: Routine, manager: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    words_of(manager, subscription)

    assert Refill.objects.count() == 0
    assert cycle_of(subscription).refill_id is None


def button_url(subscription: Subscription, button: str) -> str:
    return reverse(f"admin:orders_subscription_{button}", args=[subscription.pk])


def seen_on(client: Client, subscription: Subscription, button: str) -> str:
    """Return the tag that the button's page carries."""
    found = re.search(
        r'name="seen" value="(\w+)"', client.get(button_url(subscription, button)).content.decode()
    )
    assert found
    return found[1]


def press(client: Client, subscription: Subscription, button: str, **typed: Any) -> Any:
    typed.setdefault("seen", seen_on(client, subscription, button))
    return client.post(button_url(subscription, button), typed, follow=True)


def words_of(client: Client, subscription: Subscription) -> str:
    page = client.get(f"/admin/orders/subscription/{subscription.pk}/change/")
    return " ".join(html.unescape(strip_tags(page.content.decode())).replace("\xa0", " ").split())
