"""Recall: one question from a lot to every parcel, order and customer; each is told once."""

import csv
import io
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client

from catalog import inventory
from catalog.models import Lot, RawLot, StockLevel
from orders import recalls, shipments
from orders.models import RecallNotice
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_bundle, make_oil, make_variant, put_in_stock
from tests.factories.orders import HOME
from tests.factories.parcels import make_allocated_order, pack, send

pytestmark = pytest.mark.django_db

PAGE = "/admin/orders/recallnotice/recall/"
REASON = "The pump leaks. Please stop using the bottle."


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@shop.example", "pw"))
    return client


@pytest.fixture
def bad() -> Lot:
    """A lot of oil that two customers got, one of them in a bundle, and a third waits for."""
    oil = make_oil(sku="OIL", stock=0)
    lot = put_in_stock(oil, 9, code="BAD")
    assert lot is not None
    raw = RawLot.objects.create(
        code="RM-1", item="RAW", supplier_lot="S-77", quantity=1, unit="L", received_on=AT.date()
    )
    lot.raw_lots.add(raw)
    bundle = make_bundle([(make_variant(sku="FLK"), 1), (oil, 1)])
    send(make_allocated_order(variant=oil, email="Ada@shop.example"))
    send(make_allocated_order(variant=oil, units=1, email="ada@shop.example"))
    send(
        make_allocated_order(
            variant=bundle, email="bo@shop.example", shipping_address={**HOME, "name": "=1+1"}
        )
    )
    pack(make_allocated_order(variant=oil, units=1, email="waits@shop.example"))
    send(make_allocated_order(variant=make_variant(sku="OTHER"), email="other@shop.example"))
    return lot


@pytest.mark.parametrize("code", ["BAD", "bad", "S-77", "RM-1"])
def test_the_dry_run_finds_every_unit_bundles_included_and_writes_nothing(code: str, bad: Lot) -> None:
    out = StringIO()

    call_command("recall_lot", code, "--dry-run", stdout=out)

    said = out.getvalue()
    assert "5 units left in 3 orders to 2 customers; 4 units are here" in said
    assert "parcels to open: P-" in said
    bad.refresh_from_db()
    assert (bad.status, bad.on_hand) == ("released", 4)
    assert not OutboxMessage.objects.filter(kind="recall").exists()
    assert not RecallNotice.objects.exists()


@pytest.mark.parametrize(("code", "is_marked"), [("BAD", False), ("S-77", True), ("RM-1", True)])
def test_a_recall_of_a_supplier_lot_marks_it_and_one_of_our_batch_does_not(
    code: str, is_marked: bool, bad: Lot
) -> None:
    call_command("recall_lot", code, "--reason", REASON, stdout=StringIO(), stderr=StringIO())

    bad.refresh_from_db()
    assert bad.status == "recalled"
    assert (RawLot.objects.get().status == "recalled") is is_marked


def test_a_recall_freezes_the_stock_and_tells_each_customer_once_however_often_it_runs(bad: Lot) -> None:
    for _ in range(3):
        outcome = recalls.recall(recalls.lots_named("BAD"), reason=REASON, actor=None, at=AT)

    bad.refresh_from_db()
    assert (bad.status, bad.on_hand, bad.physical) == ("recalled", 0, 4)
    assert StockLevel.objects.get(variant=bad.variant).reserved == 0
    mails = OutboxMessage.objects.filter(kind="recall").order_by("to")
    assert [mail.to for mail in mails] == ["ada@shop.example", "bo@shop.example"]
    assert (outcome.told, outcome.told_before) == ([], ["ada@shop.example", "bo@shop.example"])
    assert "BAD" in mails[0].text
    assert REASON in mails[0].text
    assert dict(RecallNotice.objects.values_list("email", "units")) == {
        "ada@shop.example": 3,
        "bo@shop.example": 2,
    }
    assert inventory.differences() == []


def test_a_wider_recall_tells_only_what_a_customer_does_not_know(bad: Lot) -> None:
    worse = put_in_stock(bad.variant, 5, code="WORSE")
    assert worse is not None
    recalls.recall([bad], reason=REASON, actor=None, at=AT)
    send(make_allocated_order(variant=bad.variant, email="bo@shop.example"))

    recalls.recall([bad, worse], reason=REASON, actor=None, at=AT)

    to_bo = OutboxMessage.objects.filter(kind="recall", to="bo@shop.example").order_by("pk")
    assert [("BAD" in mail.text, "WORSE" in mail.text) for mail in to_bo] == [(True, False), (False, True)]
    assert OutboxMessage.objects.filter(kind="recall", to="ada@shop.example").count() == 1


def test_two_lots_of_one_recall_make_one_mail(bad: Lot) -> None:
    second = put_in_stock(bad.variant, 5, code="SECOND")
    assert second is not None
    inventory.quarantine(bad, actor=None, cause="drill", at=AT)
    send(make_allocated_order(variant=bad.variant, email="bo@shop.example"))

    recalls.recall([bad, second], reason=REASON, actor=None, at=AT)

    mail = OutboxMessage.objects.get(kind="recall", to="bo@shop.example")
    assert "BAD" in mail.text
    assert "SECOND" in mail.text


def test_the_file_has_a_row_a_parcel_and_no_formula(bad: Lot, desk: Client) -> None:
    answer = desk.post(PAGE, {"code": "S-77", "action": "file"})

    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["units"], row["parcel_status"], row["e_mail"]) for row in rows] == [
        ("2", "dispatched", "Ada@shop.example"),
        ("1", "dispatched", "ada@shop.example"),
        ("2", "dispatched", "bo@shop.example"),
        ("1", "packed", "waits@shop.example"),
    ]
    assert {row["lot"] for row in rows} == {"BAD"}
    assert rows[2]["name"] == "'=1+1"
    assert {row["told_at"] for row in rows} == {""}


def test_staff_look_first_and_then_recall(bad: Lot, desk: Client) -> None:
    looked = desk.post(PAGE, {"code": "BAD", "action": "look"}).content.decode()
    unreasoned = desk.post(PAGE, {"code": "BAD", "action": "recall"}).content.decode()
    before = OutboxMessage.objects.filter(kind="recall").count()
    done = desk.post(
        PAGE, {"code": "BAD", "reason": REASON, "action": "recall"}, follow=True
    ).content.decode()

    assert "5 units left in 3 orders to 2 customers" in looked
    assert "Packed, not left: open these" in looked
    assert "Customers are told why." in unreasoned
    assert before == 0
    assert "BAD: frozen. 2 customers told now, 0 had been told before." in done
    assert "Open these parcels, they cannot leave: P-" in done
    assert set(RecallNotice.objects.values_list("sent_by__email", flat=True)) == {"boss@shop.example"}


def test_a_lot_that_nobody_knows_is_said_to_be_unknown(desk: Client) -> None:
    page = desk.post(PAGE, {"code": "NOPE", "action": "look"}).content.decode()

    assert "No lot and no supplier&#x27;s lot is called NOPE." in page
    with pytest.raises(CommandError, match="NOPE"):
        call_command("recall_lot", "NOPE", "--dry-run")
    with pytest.raises(CommandError, match="--reason"):
        call_command("recall_lot", "NOPE")


def test_who_may_only_look_recalls_nothing(bad: Lot) -> None:
    looker = User.objects.create_user("looker@shop.example", "pw", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_recallnotice"))
    client = Client()
    client.force_login(looker)

    page = client.post(PAGE, {"code": "BAD", "reason": REASON, "action": "recall"}).content.decode()

    assert "5 units left" in page
    assert 'value="recall"' not in page
    bad.refresh_from_db()
    assert bad.status == "released"
    assert not RecallNotice.objects.exists()


def test_a_parcel_with_a_recalled_lot_is_packed_anew(bad: Lot) -> None:
    good = put_in_stock(bad.variant, 5, code="GOOD")
    parcel = shipments.waiting().get()
    recalls.recall([bad], reason=REASON, actor=None, at=AT)

    with pytest.raises(inventory.LotNotOnSale):
        shipments.dispatch(parcel, shipments.Label(), actor=None, at=AT)
    shipments.unpack(parcel, reason="recalled", actor=None, at=AT)
    inventory.cover_shortage(parcel.order.stock_reference, at=AT)

    assert [line.lot for line in send(parcel.order).lines.all()] == [good]
