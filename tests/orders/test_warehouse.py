"""The warehouse's pages: ten orders in a few clicks, a scanner and a keyboard, files in and out."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog import inventory
from catalog.models import StockLevel
from orders.models import Order, Shipment
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, BEST_BEFORE, make_variant, put_in_stock
from tests.factories.orders import HOME
from tests.factories.parcels import make_allocated_order, pack, send

pytestmark = pytest.mark.django_db

TO_PICK, PICK_LIST, TO_DISPATCH, TRACKING = (
    f"/admin/orders/shipment/{page}/" for page in ("to-pick", "pick-list", "to-dispatch", "tracking")
)


@pytest.fixture
def desk(db: None) -> Client:
    """The packer's browser."""
    packer = User.objects.create_user("pack@shop.example", "pw", is_staff=True)
    packer.user_permissions.set(
        Permission.objects.filter(codename__in=["view_shipment", "change_shipment", "view_order"])
    )
    client = Client()
    client.force_login(packer)
    return client


def form_of(page: str) -> dict[str, list[str]]:
    """Return what the page's own form would send as it stands: ticked boxes, typed fields, hidden fields."""
    form = re.search(r'<form method="(?:get|post)"\s+action="[^"]*"\s+enctype.*?</form>', page, re.DOTALL)
    assert form, page
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form.group(0)):
        name, value = (re.search(rf'\b{what}="([^"]*)"', tag) for what in ("name", "value"))
        is_box = 'type="checkbox"' in tag
        if name and 'type="file"' not in tag and (not is_box or re.search(r"\schecked(?=[\s>])", tag)):
            text = value.group(1) if value else ""
            sent.setdefault(name.group(1), []).append(text.replace("&quot;", '"'))
    return sent


def test_ten_paid_orders_are_picked_packed_and_dispatched_in_four_clicks(desk: Client) -> None:
    variant = make_variant(stock=30)
    orders = [make_allocated_order(variant=variant, units=2) for _ in range(10)]

    ready = desk.get(TO_PICK).content.decode()  # click 1: "To pick" in the sidebar
    picked = desk.get(PICK_LIST, form_of(ready)).content.decode()  # click 2: "Make the pick list"
    sent = {**form_of(picked), "action": "pack"}
    packed = desk.post(PICK_LIST, sent, follow=True).content.decode()  # click 3: "Pack 10 orders"
    done = desk.post(TO_DISPATCH, {**form_of(packed), "action": "dispatch"}, follow=True)  # click 4

    assert "10 parcels dispatched" in done.content.decode()
    assert Order.objects.filter(fulfilment_status="fulfilled").count() == len(orders)
    assert OutboxMessage.objects.filter(kind="shipped").count() == 10
    assert StockLevel.objects.get(variant=variant).on_hand == 10
    assert {parcel.packed_by.email for parcel in Shipment.objects.all() if parcel.packed_by} == {
        "pack@shop.example"
    }
    assert inventory.differences() == []


def test_the_pick_list_groups_units_by_goods_and_lot_and_packs_just_those(desk: Client) -> None:
    variant = make_variant(sku="FLK", stock=0)
    put_in_stock(variant, 3, code="EARLY")
    put_in_stock(variant, 9, code="LATE", best_before_on=BEST_BEFORE.replace(year=2030))
    first, second = (make_allocated_order(variant=variant, units=2) for _ in range(2))

    page = desk.get(PICK_LIST, {"order": [first.pk, second.pk]}).content.decode()
    # What comes in meanwhile changes nothing about what the picker holds in hand.
    put_in_stock(variant, 9, code="EARLIER", best_before_on=BEST_BEFORE.replace(year=2028))
    desk.post(PICK_LIST, {**form_of(page), "action": "pack"})

    assert f"2\xa0×\xa0{first.reference}, 1\xa0×\xa0{second.reference}" in page
    lots = {
        parcel.order.reference: {line.lot.code: line.quantity for line in parcel.lines.all() if line.lot}
        for parcel in Shipment.objects.all()
    }
    assert lots == {first.reference: {"EARLY": 2}, second.reference: {"EARLY": 1, "LATE": 1}}


def test_an_order_that_cannot_be_packed_is_shown_unticked_with_the_reason(desk: Client) -> None:
    variant = make_variant(sku="FLK", stock=2)
    order = make_allocated_order(variant=variant)
    inventory.quarantine(variant.lots.get(), actor=None, cause="drill", at=AT)

    page = desk.get(TO_PICK).content.decode()

    assert "FLK: its stock was taken away" in page
    assert "order" not in form_of(page)
    assert order.reference in page


@pytest.mark.parametrize(
    "picked", ["", "[]", "{", '{"1": 3}', '{"x": [[1, 2, 3]]}', '{"1": [["a", 1, 1]]}', "null"]
)
def test_a_pick_list_that_is_none_packs_nothing(picked: str, desk: Client) -> None:
    make_allocated_order()

    answer = desk.post(PICK_LIST, {"picked": picked, "action": "pack"}, follow=True)

    assert answer.status_code == 200
    assert not Shipment.objects.exists()


def test_one_refused_order_does_not_stop_the_others(desk: Client) -> None:
    variant = make_variant(stock=9)
    good, bad = (make_allocated_order(variant=variant) for _ in range(2))
    page = desk.get(TO_PICK).content.decode()
    listed = desk.get(PICK_LIST, form_of(page)).content.decode()
    Order.objects.filter(pk=bad.pk).update(review_reason="odd")

    answer = desk.post(PICK_LIST, {**form_of(listed), "action": "pack"}, follow=True).content.decode()

    assert "1 parcel packed." in answer
    assert f"{bad.reference}: Order {bad.reference} may not leave: it waits for a review: odd." in answer
    assert Shipment.objects.get().order == good


def scan(desk: Client, address: str, page: str, code: str) -> str:
    """Type a code into the field and press Enter: the form's first button is what Enter presses."""
    first = re.search(r'<button type="submit".*?name="action" value="(\w+)"', page, re.DOTALL)
    assert first
    assert first.group(1) == "scan"
    return desk.post(address, {**form_of(page), "scan": code, "action": "scan"}).content.decode()


def test_a_box_is_packed_with_scanner_and_enter_alone(desk: Client) -> None:
    variant = make_variant(sku="FLK", stock=0, gtin="9520001000010")
    put_in_stock(variant, 3, code="EARLY")
    put_in_stock(variant, 3, code="LATE", best_before_on=BEST_BEFORE.replace(year=2030))
    order = make_allocated_order(variant=variant, units=2)
    address = reverse("admin:warehouse_pack", args=[order.pk])

    page = desk.get(address).content.decode()
    page = scan(desk, address, page, "09520001000010")
    assert "In the parcel: 1 of 2." in page
    page = scan(desk, address, page, "late")
    assert "In the parcel: 2 of 2." in page
    assert re.search(r'value="pack"\s+autofocus', page)
    desk.post(address, {**form_of(page), "action": "pack"})

    lines = Shipment.objects.get().lines.select_related("lot")
    assert {line.lot.code: line.quantity for line in lines if line.lot} == {"EARLY": 1, "LATE": 1}


def test_what_does_not_belong_into_the_box_is_said_beside_the_field(desk: Client) -> None:
    variant = make_variant(sku="FLK", stock=0)
    put_in_stock(variant, 5, code="GOOD")
    recalled = put_in_stock(variant, 5, code="BAD")
    order = make_allocated_order(variant=variant, units=1)
    inventory.recall(recalled, actor=None, cause="drill", at=AT)
    address = reverse("admin:warehouse_pack", args=[order.pk])
    page = desk.get(address).content.decode()

    assert "Lot BAD is not on sale: recalled." in scan(desk, address, page, "BAD")
    assert "OIL-1 is not in this order." in scan(desk, address, page, "OIL-1")
    page = scan(desk, address, page, "GOOD")
    assert "all of it is in the parcel already" in scan(desk, address, page, "GOOD")
    assert not Shipment.objects.exists()


def test_a_part_is_packed_by_typing_and_the_rest_is_filled_in(desk: Client) -> None:
    order = make_allocated_order(units=3)
    address = reverse("admin:warehouse_pack", args=[order.pk])
    form = form_of(desk.get(address).content.decode())
    [field] = [name for name in form if name.startswith("take_")]

    desk.post(address, {**form, field: "1", "action": "pack"})
    filled = desk.post(address, {**form_of(desk.get(address).content.decode()), "action": "fill"})
    rest = filled.content.decode()
    desk.post(address, {**form_of(rest), "action": "pack"})

    assert "In the parcel: 2 of 2." in rest
    assert sorted(parcel.lines.get().quantity for parcel in Shipment.objects.all()) == [1, 2]
    assert "Nothing of this order is left to pack." in desk.get(address).content.decode()


def test_a_number_that_is_too_high_is_refused_beside_its_field(desk: Client) -> None:
    order = make_allocated_order(units=1)
    address = reverse("admin:warehouse_pack", args=[order.pk])
    form = form_of(desk.get(address).content.decode())
    [field] = [name for name in form if name.startswith("take_")]

    page = desk.post(address, {**form, field: "4", "action": "pack"}).content.decode()

    assert "1 left to send, not 4." in page
    assert not Shipment.objects.exists()


def test_the_carriers_file_has_a_line_a_parcel_and_no_formula(desk: Client) -> None:
    evil = {**HOME, "name": "=cmd|' /C calc'!A0", "phone": "+44 20 7946 0000"}
    variant = make_variant(sku="FLK", stock=9)
    parcel = pack(make_allocated_order(variant=variant, shipping_address=evil))
    other = pack(make_allocated_order(variant=variant))

    answer = desk.post(TO_DISPATCH, {"parcel": [parcel.reference], "action": "file"})

    text = b"".join(answer.streaming_content).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert row["shipment"] == parcel.reference
    assert other.reference not in text
    assert row["name"] == "'=cmd|' /C calc'!A0"
    assert row["phone"] == "0044 20 7946 0000"
    assert (row["weight_g"], row["value"], row["currency"], row["customs"]) == ("2210", "20.84", "GBP", "no")
    assert row["contents"] == f"2 x {variant.product.name}, 1 kg pouch"
    assert parcel.status == "packed"


def upload(desk: Client, text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return desk.post(TRACKING, {"file": SimpleUploadedFile("t.csv", data), "action": "look"}).content.decode()


def test_a_tracking_file_is_shown_first_and_then_dispatches_every_parcel(desk: Client) -> None:
    variant = make_variant(stock=9)
    first, second = (pack(make_allocated_order(variant=variant)) for _ in range(2))
    text = (
        "reference;tracking_number;carrier\r\n"
        f"{first.reference};AB 1;Royal Mail\r\n{second.order.reference};CD-222;\r\n"
    ).replace("AB 1", "AB 111")

    shown = upload(desk, text)
    still = set(Shipment.objects.values_list("status", flat=True))
    desk.post(TRACKING, {**form_of(shown), "action": "dispatch"})

    assert "All rows are right." in shown
    assert still == {"packed"}
    assert set(Shipment.objects.values_list("tracking_number", "carrier", "status")) == {
        ("AB111", "Royal Mail", "dispatched"),
        ("CD-222", "", "dispatched"),
    }
    assert OutboxMessage.objects.filter(kind="shipped").count() == 2


def test_one_wrong_row_keeps_every_parcel_here(desk: Client) -> None:
    variant = make_variant(stock=30)
    parcels = [pack(make_allocated_order(variant=variant)) for _ in range(4)]
    good, twice, disputed, numbered = (parcel.reference for parcel in parcels)
    Order.objects.filter(pk=parcels[2].order_id).update(is_disputed=True)
    gone = send(make_allocated_order(variant=variant), number="GONE1")
    unpacked = make_allocated_order(variant=variant)
    rows = [
        (good, "AA1111", ""), ("P-NOBODY00", "BB1111", "No parcel and no order"), (twice, "CC1111", "more than once"),
        (twice, "DD1111", "more than once"), (disputed, "EE1111", "its payment is disputed"),
        (gone.reference, "FF1111", "it is dispatched"), (unpacked.reference, "GG1111", "No parcel of this order"),
        (numbered, "=1+1", "4 to 40 letters"),
    ]  # fmt: skip
    text = "shipment,tracking\n" + "\n".join(f"{reference},{number}" for reference, number, _ in rows)

    shown = upload(desk, text)
    forced = desk.post(TRACKING, {"text": text, "action": "dispatch"}).content.decode()

    for _, _, words in rows:
        assert words in shown
    assert "7 rows wrong" in shown
    assert 'value="dispatch"' not in shown
    assert "Nothing was dispatched" in forced
    assert Shipment.objects.filter(status="packed").count() == 4
    assert not Shipment.objects.filter(tracking_number="AA1111").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The submitted file is empty."),
        ("reference,tracking_number\n", "Between 1 and 500 rows"),
        ("a,b\n1,2\n", "Name one column reference."),
        ("reference\nS-1\n", "Name one column tracking_number."),
        (b"reference,tracking_number\nS-1,\xff\n", "UTF-8"),
        (b"reference,tracking_number\nS-1,\x00\n", "no CSV file"),
        ("reference,tracking_number\n" + "S-1,AAAA\n" * 501, "not 501"),
        ('reference,tracking_number\n"S-1,AAAA\n', "The tracking number is missing."),
    ],
    ids=[
        "empty",
        "header alone",
        "strange columns",
        "one column",
        "latin",
        "binary",
        "too long",
        "open quote",
    ],
)
def test_a_file_that_is_none_is_refused_with_words(text: str | bytes, words: str, desk: Client) -> None:
    page = upload(desk, text)

    assert words in page.replace("&#x27;", "'") or "No parcel and no order" in page
    assert not Shipment.objects.exists()


def test_the_pages_need_no_more_queries_for_more_orders(
    desk: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    variant = make_variant(stock=200)
    orders = [make_allocated_order(variant=variant) for _ in range(24)]
    for order in orders[:12]:
        pack(order)

    for address, budget in ((TO_PICK, 16), (PICK_LIST, 16), (TO_DISPATCH, 12)):
        with django_assert_max_num_queries(budget):
            answer = desk.get(
                address, {"order": [order.pk for order in orders[12:]]} if "list" in address else {}
            )
        assert orders[20].reference in answer.content.decode() or address == TO_DISPATCH


def test_who_may_only_look_packs_and_sends_nothing(db: None) -> None:
    looker = User.objects.create_user("looker@shop.example", "pw", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_shipment"))
    client = Client()
    client.force_login(looker)
    variant = make_variant(stock=9)
    order, parcel = make_allocated_order(variant=variant), pack(make_allocated_order(variant=variant))
    picked = json.dumps({order.pk: [[order.lines.get().components.get().pk, variant.lots.get().pk, 2]]})

    looks = [client.get(page).status_code for page in (TO_PICK, PICK_LIST, TO_DISPATCH)]
    acts = [
        client.post(PICK_LIST, {"picked": picked, "action": "pack"}).status_code,
        client.post(TO_DISPATCH, {"parcel": [parcel.reference], "action": "dispatch"}).status_code,
        client.get(TRACKING).status_code,
        client.post(reverse("admin:warehouse_pack", args=[order.pk]), {"action": "fill"}).status_code,
        client.post(reverse("admin:orders_shipment_dispatch", args=[parcel.pk]), {}).status_code,
    ]

    assert looks == [200, 200, 200]
    assert acts == [403] * 5
    assert list(Shipment.objects.values_list("status", flat=True)) == ["packed"]


@pytest.mark.parametrize(
    "page", [TO_PICK, PICK_LIST, TO_DISPATCH, TRACKING, "/admin/orders/recallnotice/recall/"]
)
def test_strangers_and_staff_without_the_right_see_none_of_it(page: str, db: None) -> None:
    clerk = Client()
    clerk.force_login(User.objects.create_user("clerk@shop.example", "pw", is_staff=True))

    assert Client().get(page).status_code == 302
    assert clerk.get(page).status_code == 403
