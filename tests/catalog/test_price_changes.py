"""Price changes: planned, withdrawn, ended; and a history that nobody rewrites, not even past the verbs."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from catalog import pricing
from catalog.models import Price
from tests.factories.catalog import PriceFactory, make_variant

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
LIST, SALE, REFILL = Price.Kind.LIST, Price.Kind.SALE, Price.Kind.REFILL


@pytest.fixture
def variant():
    return make_variant(prices={"GBP": 1250})


@pytest.fixture
def ada():
    return get_user_model().objects.create_user("ada@shop.example")


def change(variant, amount, starts_at, *, kind=LIST, at=NOW, **more):
    return pricing.change_price(
        variant=variant, currency="GBP", kind=kind, amount=amount, starts_at=starts_at, at=at, **more
    )


def rows(variant, kind=LIST):
    found = variant.prices.filter(kind=kind).order_by("starts_at")
    return [(row.amount, row.starts_at, row.ends_at) for row in found][-3:]


def test_every_change_has_a_name(variant, ada):
    planned = change(variant, 1350, NOW + DAY, actor=ada)

    before = variant.prices.get(amount=1250)
    assert (planned.created_by, before.ended_by, before.created_by) == (ada, ada, None)
    assert before.ends_at == planned.starts_at


def test_changes_follow_one_another(variant):
    change(variant, 1350, NOW + DAY)
    change(variant, 1450, NOW + 2 * DAY)

    assert [row[0::2] for row in rows(variant)] == [(1250, NOW + DAY), (1350, NOW + 2 * DAY), (1450, None)]


@pytest.mark.parametrize(
    ("kind", "starts", "ends", "field"),
    [
        (LIST, -1, None, "starts_at"),
        (LIST, 1, 0, "ends_at"),
        (LIST, 4, None, "starts_at"),
        (LIST, 1, 3, "ends_at"),
        (SALE, 1, 7, "ends_at"),
        (SALE, 5, 6, "ends_at"),
        (SALE, 5, None, "starts_at"),
    ],
)
def test_what_would_overlap_or_rewrite_is_refused_beside_its_field(variant, kind, starts, ends, field):
    change(variant, 1350, NOW + 5 * DAY)
    change(variant, 1000, NOW + 5 * DAY, kind=SALE, ends_at=NOW + 8 * DAY)
    kept = list(variant.prices.order_by("pk").values())

    with pytest.raises((pricing.PriceInThePast, pricing.PriceOverlaps)) as refusal, transaction.atomic():
        change(
            variant, 999, NOW + starts * DAY, kind=kind, ends_at=None if ends is None else NOW + ends * DAY
        )

    assert list(refusal.value.fields) == [field]
    assert list(variant.prices.order_by("pk").values()) == kept


def test_a_planned_price_is_withdrawn_and_the_one_before_holds_on(variant, ada):
    planned = change(variant, 1350, NOW + DAY)
    change(variant, 1450, NOW + 2 * DAY)

    goes_on = pricing.withdraw_price(planned, at=NOW, actor=ada)

    assert (goes_on.amount, goes_on.ended_by) == (1250, ada)
    assert [row[0::2] for row in rows(variant)] == [(1250, NOW + 2 * DAY), (1450, None)]


def test_a_price_that_has_begun_is_not_withdrawn(variant):
    planned = change(variant, 1350, NOW + DAY)

    with pytest.raises(pricing.PriceInThePast, match="has begun"), transaction.atomic():
        pricing.withdraw_price(planned, at=NOW + DAY)

    assert pricing.offer_of(variant, "GBP", NOW + DAY).amount == 1350


def test_a_withdrawn_sale_leaves_the_list_price_alone(variant):
    sale = change(variant, 1000, NOW + DAY, kind=SALE, ends_at=NOW + 2 * DAY)

    assert pricing.withdraw_price(sale, at=NOW) is None

    assert rows(variant, SALE) == []
    assert [row[0::2] for row in rows(variant)] == [(1250, None)]


def test_a_price_ends_now_or_later_and_not_after_the_next_begins(variant, ada):
    change(variant, 1350, NOW + 5 * DAY)
    before = variant.prices.get(amount=1250)

    for ends_at in (NOW - DAY, NOW + 6 * DAY):
        with pytest.raises((pricing.PriceInThePast, pricing.PriceOverlaps)), transaction.atomic():
            pricing.end_price(before, ends_at=ends_at, at=NOW)
    pricing.end_price(before, ends_at=NOW + DAY, at=NOW, actor=ada)
    with pytest.raises(pricing.PriceInThePast, match="has ended"), transaction.atomic():
        pricing.end_price(before, ends_at=NOW + 4 * DAY, at=NOW + 2 * DAY)

    before.refresh_from_db()
    assert (before.ends_at, before.ended_by) == (NOW + DAY, ada)


REWRITES = {
    "the amount of a price now": lambda now, past, planned: now.update(amount=1),
    "its currency": lambda now, past, planned: now.update(currency="EUR"),
    "its beginning": lambda now, past, planned: now.update(starts_at=NOW + DAY),
    "its author": lambda now, past, planned: now.update(created_at=NOW),
    "an end in the past": lambda now, past, planned: now.update(ends_at=NOW - DAY),
    "the end of a past one": lambda now, past, planned: past.update(ends_at=NOW + DAY / 2),
    "the amount of a planned one": lambda now, past, planned: planned.update(amount=1),
    "a price now, deleted": lambda now, past, planned: now.delete(),
    "a past price, deleted": lambda now, past, planned: past.delete(),
}


@pytest.mark.parametrize("what", REWRITES)
def test_the_table_itself_keeps_history(variant, what):
    PriceFactory.create(
        variant=variant, kind=SALE, amount=900, starts_at=NOW - 9 * DAY, ends_at=NOW - 5 * DAY
    )
    PriceFactory.create(variant=variant, kind=REFILL, amount=800, starts_at=NOW + DAY)
    kept = list(variant.prices.order_by("pk").values())
    now, past, planned = (variant.prices.filter(kind=kind) for kind in (LIST, SALE, REFILL))

    with pytest.raises(IntegrityError), transaction.atomic():
        REWRITES[what](now, past, planned)

    assert list(variant.prices.order_by("pk").values()) == kept


def test_the_table_lets_a_planned_price_go_and_an_open_one_end(variant):
    PriceFactory.create(variant=variant, kind=REFILL, amount=800, starts_at=NOW + DAY)

    variant.prices.filter(kind=REFILL).delete()
    variant.prices.filter(kind=LIST).update(ends_at=NOW + DAY)

    assert rows(variant)[0][2] == NOW + DAY
    assert rows(variant, REFILL) == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_people_who_change_one_price_at_once_both_are_heard(variant, guarded, monkeypatch):
    """Without the lock, both read the same price as the one to succeed, and the table has to refuse one."""
    if not guarded:
        monkeypatch.setattr(pricing.changes, "lock_prices", lambda ids: None)
    both_have_read, refused, told = threading.Barrier(2), [], []
    write = pricing.PriceBook.write

    def slow_write(book):
        if not guarded:
            both_have_read.wait(timeout=20)
        write(book)

    monkeypatch.setattr(pricing.PriceBook, "write", slow_write)

    def person(amount, starts_at):
        try:
            change(variant, amount, starts_at)
        except IntegrityError as refusal:
            refused.append(refusal)
        except pricing.PriceOverlaps as answer:
            told.append(answer)
        finally:
            connection.close()

    people = [threading.Thread(target=person, args=(1300 + n, NOW + (2 - n) * DAY)) for n in (0, 1)]
    for one in people:
        one.start()
    for one in people:
        one.join()

    found = variant.prices.filter(starts_at__gt=NOW)
    if guarded:
        assert not refused
        assert found.count() + len(told) == 2, "who comes second is told, or follows the first"
    else:
        assert len(refused) == 1
        assert found.count() == 1


def of(variant):
    return reverse("admin:catalog_price_variant", args=[variant.pk])


def enter(client, variant, **fields):
    facts = {"kind": "list", "currency": "GBP", "price": "13.50", "starts_at_0": "", "starts_at_1": ""}
    return client.post(of(variant), {**facts, "ends_at_0": "", "ends_at_1": "", **fields})


def day(moment, field="starts_at"):
    return {f"{field}_0": f"{moment:%Y-%m-%d}", f"{field}_1": f"{moment:%H:%M:%S}"}


@pytest.mark.urls("tests.catalog.urls")
class TestThePageOfAVariantsPrices:
    def test_it_takes_a_change_and_shows_now_next_and_history(self, admin_client, admin_user, variant):
        answer = enter(admin_client, variant, **day(NOW + 3 * DAY))
        assert answer.status_code == 302, answer.context["form"].errors

        page = admin_client.get(of(variant)).content.decode()

        assert "Customers pay now: £12.50" in page
        assert "£13.50" in page
        assert "+8 %" in page
        assert "not sold in this currency" in page
        assert variant.prices.get(amount=1350).created_by == admin_user

    def test_left_empty_it_begins_now(self, admin_client, variant):
        assert enter(admin_client, variant).status_code == 302

        assert "Customers pay now: £13.50" in admin_client.get(of(variant)).content.decode()

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"price": "13.505"}, "price"),
            ({"price": "0"}, "price"),
            ({"currency": "XYZ"}, "currency"),
            (day(NOW - DAY), "starts_at"),
            (day(NOW + 2 * DAY), "starts_at"),
            ({**day(NOW + DAY), **day(NOW + 2 * DAY, "ends_at")}, "ends_at"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(self, admin_client, variant, fields, at_fault):
        change(variant, 1450, NOW + 3 * DAY)

        answer = enter(admin_client, variant, **fields)

        assert answer.status_code == 200
        assert at_fault in answer.context["form"].errors
        assert sorted(variant.prices.values_list("amount", flat=True)) == [1250, 1450]

    def test_a_planned_change_is_withdrawn_by_a_button_that_asks(self, admin_client, variant):
        planned = change(variant, 1450, NOW + 3 * DAY)
        button = reverse("admin:catalog_price_withdraw_price", args=[planned.pk])

        asked = admin_client.get(button).content.decode()
        answer = admin_client.post(button)

        assert "The list price before it holds on" in asked
        assert answer.headers["Location"] == of(variant)
        assert [row[0::2] for row in rows(variant)] == [(1250, None)]

    def test_who_may_only_look_changes_nothing(self, client, variant, ada):
        ada.is_staff = True
        ada.save()
        ada.user_permissions.add(permission("view_price"))
        client.force_login(ada)

        assert client.get(of(variant)).status_code == 200
        assert enter(client, variant).status_code == 403
        assert variant.prices.count() == 1

    def test_strangers_see_nothing(self, client, variant, ada):
        ada.is_staff = True
        ada.save()
        client.force_login(ada)

        assert client.get(of(variant)).status_code == 403

    def test_upcoming_changes_are_a_list(self, admin_client, variant):
        change(variant, 1450, NOW + 3 * DAY)
        make_variant()

        page = admin_client.get(reverse("admin:catalog_price_changelist") + "?when=next")

        assert [row.amount for row in page.context["cl"].result_list] == [1450]
        assert "£12.50 → +16 %" in page.content.decode()


def permission(codename):
    permissions = get_user_model()._meta.get_field("user_permissions").related_model
    return permissions.objects.get(codename=codename)
