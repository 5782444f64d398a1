"""The catalogue in the admin."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog import inventory
from catalog.models import Lot, Price, RawLot, StockLevel, StockMovement
from shop.clock import reading
from tests.factories.catalog import CategoryFactory, make_variant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.catalog.urls")]

PAGES = (
    "category",
    "product",
    "variant",
    "price",
    "stocklevel",
    "lot",
    "rawlot",
    "stockmovement",
    "stockreservation",
)


@pytest.fixture
def many(db):
    for number in range(22):
        variant = make_variant(stock=5)
        CategoryFactory.create(slug=f"shelf-{number}")
        RawLot.objects.create(
            code=f"RM-{number}", item="RAW", supplier_lot="S", quantity=1, unit="kg", received_on="2026-01-01"
        )
        at = reading.now()
        inventory.reserve(reference=f"r:{number}", quantities={variant.pk: 1}, until=at, at=at)


def test_every_list_keeps_its_query_budget(admin_client, many, django_assert_max_num_queries):
    for page in PAGES:
        with django_assert_max_num_queries(12, info=page):
            answer = admin_client.get(reverse(f"admin:catalog_{page}_changelist"))

        assert answer.status_code == 200
        assert len(answer.context["cl"].result_list) >= 20, page


@pytest.mark.parametrize(
    "page", ["category", "product", "variant", "price", "lot", "rawlot", "stockmovement"]
)
def test_every_form_opens(admin_client, page):
    assert admin_client.get(reverse(f"admin:catalog_{page}_add")).status_code == 200


@pytest.mark.parametrize("page", ["stocklevel", "stockreservation"])
def test_counts_and_reservations_cannot_be_added(admin_client, page):
    assert admin_client.get(reverse(f"admin:catalog_{page}_add")).status_code == 403


def test_prices_are_shown_as_money_never_in_minor_units(admin_client):
    make_variant(prices={"GBP": 123456})

    page = admin_client.get(reverse("admin:catalog_price_changelist")).content.decode()

    assert "£1,234.56" in page
    assert "123456" not in page


def moment(at, prefix):
    return {f"{prefix}_0": f"{at:%Y-%m-%d}", f"{prefix}_1": f"{at:%H:%M:%S}"}


def enter_price(client, variant, price, at, **more):
    facts = {
        "variant": variant.pk,
        "currency": "GBP",
        "kind": "list",
        "price": price,
        **moment(at, "starts_at"),
    }
    return client.post(reverse("admin:catalog_price_add"), {**facts, **more})


def test_a_price_without_a_beginning_begins_now(admin_client):
    variant = make_variant(prices={"GBP": 1250})
    facts = {"variant": variant.pk, "currency": "GBP", "kind": "list", "price": "13.50"}
    before = reading.now()

    answer = admin_client.post(
        reverse("admin:catalog_price_add"),
        {**facts, "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": ""},
    )

    assert answer.status_code == 302, answer.context["errors"]
    new = Price.objects.get(variant=variant, amount=1350)
    assert before <= new.starts_at <= reading.now()


def test_a_price_is_changed_from_a_date_and_the_one_before_it_ends_there(admin_client):
    variant = make_variant(prices={"GBP": 1250})
    start = (reading.now() + timedelta(days=2)).replace(microsecond=0)

    answer = enter_price(admin_client, variant, "13.50", start)

    assert answer.status_code == 302, answer.context["errors"]
    old, new = Price.objects.order_by("starts_at")
    assert (old.amount, old.ends_at) == (1250, start)
    assert (new.amount, new.starts_at, new.ends_at) == (1350, start, None)


@pytest.mark.parametrize(("price", "days"), [("13.505", 1), ("0", 1), ("-1", 1), ("13.50", -1), ("", 1)])
def test_a_price_that_cannot_be_is_refused_on_the_form(admin_client, price, days):
    variant = make_variant(prices={"GBP": 1250})

    answer = enter_price(admin_client, variant, price, reading.now() + timedelta(days=days))

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert [row.amount for row in Price.objects.all()] == [1250]


def test_a_price_once_entered_can_only_be_ended(admin_client):
    variant = make_variant(prices={"GBP": 1250})
    price = variant.prices.get()
    end = (reading.now() + timedelta(days=1)).replace(microsecond=0)
    address = reverse("admin:catalog_price_change", args=[price.pk])

    admin_client.post(address, {**moment(end, "ends_at"), "price": "1.00", "amount": "1"})

    price.refresh_from_db()
    assert (price.amount, price.ends_at) == (1250, end)


def receive(client, variant, **facts):
    page = client.get(reverse("admin:catalog_lot_add"))
    form = page.context["adminform"].form
    defaults = {"variant": variant.pk, "code": "L1", "quantity": 7, "best_before_on": "2029-01-31"}
    return {**defaults, "token": form["token"].value(), **facts}


def test_a_lot_is_received_into_quarantine_once_even_if_the_form_is_sent_twice(admin_client, admin_user):
    variant = make_variant(stock=0)
    form = receive(admin_client, variant)

    for _ in range(2):
        answer = admin_client.post(reverse("admin:catalog_lot_add"), form)
        assert answer.status_code == 302

    lot = Lot.objects.get()
    assert (lot.status, lot.physical, lot.on_hand) == ("quarantine", 7, 0)
    assert StockMovement.objects.get().actor == admin_user


def test_more_of_a_lot_that_is_on_sale_is_said_to_wait(admin_client):
    variant = make_variant(stock=0)
    add = reverse("admin:catalog_lot_add")
    admin_client.post(add, receive(admin_client, variant, release_now="on"))

    answer = admin_client.post(add, receive(admin_client, variant), follow=True)

    said = [str(message) for message in answer.context["messages"]]
    assert "L1 is released: 14 units in the building, 7 on sale. Release it to sell the rest." in said
    assert Lot.objects.count() == 1


def test_lots_are_released_and_quarantined_by_actions(admin_client):
    variant = make_variant(stock=0)
    admin_client.post(reverse("admin:catalog_lot_add"), receive(admin_client, variant))
    lot = Lot.objects.get()
    address = reverse("admin:catalog_lot_changelist")

    admin_client.post(address, {"action": "release_lots", "_selected_action": [lot.pk]})
    assert StockLevel.objects.get(variant=variant).on_hand == 7
    admin_client.post(address, {"action": "quarantine_lots", "_selected_action": [lot.pk]})
    assert StockLevel.objects.get(variant=variant).on_hand == 0

    lot.refresh_from_db()
    assert lot.status == "quarantine"


def test_a_refusal_of_a_verb_stands_on_the_form(admin_client):
    scoop = make_variant(stock=0, is_lot_tracked=False)

    answer = admin_client.post(reverse("admin:catalog_lot_add"), receive(admin_client, scoop))

    assert answer.status_code == 200
    assert "not tracked by lot" in answer.content.decode()
    assert not Lot.objects.exists()


def book(client, variant, **facts):
    form = client.get(reverse("admin:catalog_stockmovement_add")).context["adminform"].form
    defaults = {"variant": variant.pk, "lot": "", "reason": "shelf check", "token": form["token"].value()}
    return client.post(reverse("admin:catalog_stockmovement_add"), {**defaults, **facts})


def test_damage_and_stocktakes_are_booked_on_a_form(admin_client):
    variant = make_variant(stock=10)
    lot = variant.lots.get()

    assert book(admin_client, variant, lot=lot.pk, kind="damaged", units=2).status_code == 302
    assert book(admin_client, variant, lot=lot.pk, kind="counted", units=9).status_code == 302
    assert book(admin_client, variant, lot=lot.pk, kind="counted", units=9).status_code == 200
    assert book(admin_client, variant, kind="damaged", units=1).status_code == 200

    assert StockLevel.objects.get(variant=variant).on_hand == 9
    assert list(StockMovement.objects.order_by("id").values_list("quantity", flat=True)[2:]) == [-2, 1]


def test_a_product_page_shows_computed_magnesium(admin_client):
    product = make_variant().product
    product.mgcl2_percent = Decimal("46.80")
    product.save()

    page = admin_client.get(reverse("admin:catalog_product_change", args=[product.pk])).content.decode()

    assert "12.0 % by weight" in page
