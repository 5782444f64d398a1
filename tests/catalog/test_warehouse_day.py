"""A warehouse day in the admin: count, release, take out, quarantine, find other stock, look things up."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from catalog import inventory
from catalog.models import StockLevel, StockMovement, StockReservation
from shop.clock import reading
from tests.factories.catalog import make_variant, put_in_stock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.catalog.urls")]

SHEET = "admin:catalog_stocklevel_stocktake"


def sheet(client, search=""):
    return client.get(reverse(SHEET), {"q": search}).context["form"]


def filled(form, **counted):
    """Return what a browser sends: all that the sheet shows, and these numbers by SKU."""
    data = {"token": form["token"].value(), "reason": "stocktake"}
    for place, number, expected in form.rows():
        data[number.html_name] = counted.get(place.variant.sku, "")
        data[expected.html_name] = expected.value()
    return data


def on_hand(variant):
    return StockLevel.objects.get(variant=variant).on_hand


def sell(variant, n, reference):
    at = reading.now()
    inventory.reserve(reference=reference, quantities={variant.pk: n}, until=at + timedelta(hours=1), at=at)
    inventory.allocate(reference, at=at)


def press(client, record, button, **given):
    meta = record._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_{button}", args=[record.pk])
    form = client.get(address).context["form"]
    token = {"token": form["token"].value()} if form is not None and "token" in form.fields else {}
    return client.post(address, {**token, **given}, follow=True)


def test_a_stocktake_books_the_differences_once_and_leaves_the_rest(admin_client, admin_user):
    flakes, oil = make_variant(sku="FLK", stock=10), make_variant(sku="OIL", stock=10)
    scoop = make_variant(sku="SCOOP", stock=10, is_lot_tracked=False)
    before = StockMovement.objects.count()
    form = filled(sheet(admin_client), FLK="8", SCOOP="10")

    for _ in range(2):
        answer = admin_client.post(reverse(SHEET), form)
        assert answer.status_code == 302

    assert (on_hand(flakes), on_hand(oil), on_hand(scoop)) == (8, 10, 10)
    move = StockMovement.objects.latest("id")
    assert StockMovement.objects.count() == before + 1
    assert (move.quantity, move.kind, move.actor, move.reason) == (-2, "counted", admin_user, "stocktake")


def test_units_that_left_while_somebody_counted_are_said_beside_the_field_and_nothing_is_booked(admin_client):
    flakes, oil = make_variant(sku="FLK", stock=10), make_variant(sku="OIL", stock=10)
    form = filled(sheet(admin_client), FLK="9", OIL="9")
    lot, at = flakes.lots.get(), reading.now()
    inventory.adjust(
        variant=flakes, lot=lot, kind="sample", quantity=-1, reason="fair", actor=None, cause="x", at=at
    )

    answer = admin_client.post(reverse(SHEET), form)

    assert answer.status_code == 200
    rows = {
        place.variant.sku: (number, expected) for place, number, expected in answer.context["form"].rows()
    }
    number, expected = rows["FLK"]
    assert number.errors == ["It was 10 when you began and is 9 now: count again."]
    assert (number.value(), expected.value(), rows["OIL"][0].value()) == ("", "9", "9")
    assert (on_hand(flakes), on_hand(oil)) == (9, 10)


@pytest.mark.parametrize("number", ["-1", "many", "1.5", "99999999999"])
def test_a_number_that_cannot_be_is_refused_beside_its_field(admin_client, number):
    flakes = make_variant(sku="FLK", stock=10)

    answer = admin_client.post(reverse(SHEET), filled(sheet(admin_client), FLK=number))

    assert answer.status_code == 200
    ((_, field, _),) = answer.context["form"].rows()
    assert field.errors
    assert on_hand(flakes) == 10


def test_an_empty_sheet_books_nothing_and_says_so(admin_client):
    make_variant(sku="FLK", stock=10)
    before = StockMovement.objects.count()

    answer = admin_client.post(reverse(SHEET), filled(sheet(admin_client)))

    assert "Nothing was counted" in answer.content.decode()
    assert StockMovement.objects.count() == before


def test_the_sheet_finds_its_rows_by_sku_product_or_lot(admin_client):
    flakes = make_variant(sku="FLK", stock=10)
    make_variant(sku="OIL", stock=10)

    for search in ("flk", flakes.product.name, flakes.lots.get().code):
        assert [place.variant.sku for place, _, _ in sheet(admin_client, search).rows()] == ["FLK"]
    assert "no shelf or lot fits" in admin_client.get(reverse(SHEET), {"q": "nothing"}).content.decode()


def test_the_sheet_takes_as_many_queries_for_forty_places_as_for_one(
    admin_client, django_assert_max_num_queries
):
    for _ in range(20):
        variant = make_variant(stock=5)
        put_in_stock(variant, 5)

    with django_assert_max_num_queries(8):
        form = sheet(admin_client)

    assert len(form.rows()) == 40


def test_a_lot_is_released_and_taken_off_sale_by_its_buttons(admin_client):
    variant = make_variant(sku="FLK", stock=0)
    at = reading.now()
    lot = inventory.receive_lot(
        variant=variant, code="L1", quantity=7, best_before_on=None, cause="delivery", at=at
    )

    said = press(admin_client, lot, "release").content.decode()
    assert "L1: 7 units on sale." in said
    sell(variant, 7, "order:A")
    said = press(admin_client, lot, "quarantine", reason="dented").content.decode()

    assert "1 paid order now short" in said
    assert on_hand(variant) == 0
    assert StockMovement.objects.latest("id").reason == "dented"


def test_more_than_there_is_cannot_be_taken_out(admin_client):
    lot = make_variant(sku="FLK", stock=3).lots.get()
    facts = {"kind": "damaged", "reason": "wet"}

    refused = press(admin_client, lot, "take_out", quantity=4, **facts)
    assert refused.context["form"].errors == {"quantity": ["Only 3 units of FLK are there."]}
    press(admin_client, lot, "take_out", quantity=2, **facts)

    lot.refresh_from_db()
    assert (lot.on_hand, lot.physical) == (1, 1)


def test_returned_units_are_taken_out_without_touching_the_shelf(admin_client):
    variant = make_variant(sku="FLK", stock=3)
    lot = variant.lots.get()
    inventory.restock(variant=variant, lot=lot, quantity=2, cause="return", at=reading.now())

    press(admin_client, lot, "take_out", quantity=2, kind="damaged", reason="open", waiting="on")

    lot.refresh_from_db()
    assert (lot.on_hand, lot.physical) == (3, 3)


def test_a_short_order_gets_other_stock_by_its_button_and_by_the_list(admin_client):
    variant = make_variant(sku="FLK", stock=5)
    lot = variant.lots.get()
    sell(variant, 3, "order:A")
    inventory.quarantine(lot, actor=None, cause="q", at=reading.now())
    row = StockReservation.objects.get()

    assert "still short" in press(admin_client, row, "find_stock").content.decode()
    put_in_stock(variant, 4, at=reading.now())
    listed = reverse("admin:catalog_stockreservation_changelist")
    admin_client.post(listed, {"action": "find_stock_for", "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert row.status == "allocated"


def test_history_shows_the_balance_after_each_step_of_a_lot_and_of_a_sku(admin_client):
    variant = make_variant(sku="FLK", stock=10)
    lot, level = variant.lots.get(), StockLevel.objects.get(variant=variant)
    press(admin_client, lot, "take_out", quantity=4, kind="sample", reason="fair")

    for record, sold in ((lot, 3), (level, 4)):
        page = reverse(f"admin:catalog_{record._meta.model_name}_change", args=[record.pk])
        table = admin_client.get(page).context["tables"][-1]

        assert table.title == "History"
        assert [row[sold] for row in table.rows] == [6, 10, 0]


def test_near_the_end_shows_days_left_and_value(admin_client):
    variant = make_variant(sku="FLK", stock=0, prices={"GBP": 1250}, min_remaining_life_days=60)
    now = reading.now()
    today = inventory.shop_date(now)
    put_in_stock(variant, 4, best_before_on=today + timedelta(days=80), at=now)
    put_in_stock(variant, 4, best_before_on=today + timedelta(days=400), at=now)

    answer = admin_client.get(reverse("admin:catalog_lot_changelist"), {"ends": "soon"})

    assert answer.context["cl"].result_count == 1
    page = answer.content.decode()
    assert "(20 days left)" in page
    assert "£50.00" in page


def test_who_may_only_look_finds_no_button_and_no_sheet(client, django_user_model):
    looker = django_user_model.objects.create_user(email="look@shop.example", password="x", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_lot", "view_stocklevel"]))
    client.force_login(looker)
    variant = make_variant(stock=3)
    lot = variant.lots.get()

    assert client.get(reverse("admin:catalog_lot_change", args=[lot.pk])).status_code == 200
    for name, arguments in (
        (SHEET, []),
        *((f"admin:catalog_lot_{b}", [lot.pk]) for b in ("release", "take_out", "quarantine")),
    ):
        for method in (client.get, client.post):
            assert method(reverse(name, args=arguments)).status_code == 403, name

    lot.refresh_from_db()
    assert (lot.status, lot.on_hand) == ("released", 3)
