"""Parcels: packed from the right lots, counted once, handed over once, opened again, lost and sent again."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from catalog import inventory
from catalog.models import Lot, StockLevel, StockMovement, StockReservation
from orders import refunds, shipments, units
from orders.models import Order, OrderLineComponent, Shipment
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from shop.transitions import InvalidTransition
from tests.factories.catalog import AT, make_bundle, make_variant, put_in_stock
from tests.factories.parcels import make_allocated_order, pack, send, takes_of

pytestmark = pytest.mark.django_db

LABEL = shipments.Label()


@pytest.fixture
def packer() -> User:
    return User.objects.create_user("pack@shop.example", "pw", is_staff=True)


def in_lots(shipment: Shipment) -> dict[str, int]:
    return {
        line.lot.code if line.lot else "-": line.quantity for line in shipment.lines.select_related("lot")
    }


def part_of(order: Order) -> OrderLineComponent:
    return OrderLineComponent.objects.get(line__order=order)


def test_the_earliest_expiring_lot_is_packed_first_and_stays_on_hand_until_it_leaves(packer: User) -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 5, best_before_on=date(2029, 9, 30), code="LATE")
    put_in_stock(variant, 1, best_before_on=date(2028, 1, 31), code="EARLY")
    order = make_allocated_order(variant=variant, units=3)

    shipment = pack(order, actor=packer)

    assert in_lots(shipment) == {"EARLY": 1, "LATE": 2}
    assert part_of(order).packed == 3
    assert StockLevel.objects.get(variant=variant).on_hand == 6
    assert not StockMovement.objects.filter(kind="consumed").exists()
    event = order.events.get(kind="packed")
    assert (event.actor, event.message) == (
        packer,
        f"Packed {shipment.reference}: 1 × {variant.sku}, 2 × {variant.sku}.",
    )


def test_a_dispatched_parcel_takes_its_lots_off_the_shelf_and_tells_the_customer_once() -> None:
    variant = make_variant(stock=5)
    order = make_allocated_order(variant=variant, units=2)
    shipment = pack(order)
    label = shipments.label_of(carrier="Royal Mail", tracking_number="ab 123 456 789 gb")

    shipments.dispatch(shipment, label, actor=None, at=AT)

    order.refresh_from_db()
    move = StockMovement.objects.get(kind="consumed")
    assert (move.quantity, move.cause, move.lot) == (-2, f"shipment:{shipment.reference}", variant.lots.get())
    assert order.fulfilment_status == "fulfilled"
    assert StockReservation.objects.get(reference=order.stock_reference).status == "consumed"
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (3, 0)
    mail = OutboxMessage.objects.get(kind="shipped")
    assert (mail.to, mail.subject) == (order.email, f"Your order [{order.reference}] is on its way")
    assert "AB123456789GB" in mail.text
    assert "https://www.royalmail.com/track-your-item#/tracking-results/AB123456789GB" in mail.html
    assert variant.lots.get().code in mail.text
    assert inventory.differences() == []


def test_a_parcel_leaves_once() -> None:
    order = make_allocated_order()
    shipment = send(order)

    with pytest.raises(InvalidTransition):
        shipments.dispatch(shipment, LABEL, actor=None, at=AT)

    assert StockMovement.objects.filter(kind="consumed").count() == 1
    assert OutboxMessage.objects.filter(kind="shipped").count() == 1


def test_a_part_leaves_first_and_the_rest_follows() -> None:
    variant = make_variant(stock=5)
    order = make_allocated_order(variant=variant, units=3)
    part, lot = part_of(order), variant.lots.get()

    first = shipments.pack(order, [shipments.Take(part.pk, lot.pk, 1)], actor=None, at=AT)
    shipments.dispatch(first, LABEL, actor=None, at=AT)
    order.refresh_from_db()
    after_first = order.fulfilment_status
    send(order)

    order.refresh_from_db()
    assert (after_first, order.fulfilment_status) == ("partially", "fulfilled")
    assert StockLevel.objects.get(variant=variant).on_hand == 2
    texts = list(OutboxMessage.objects.filter(kind="shipped").order_by("pk").values_list("text", flat=True))
    assert "The rest follows" in texts[0]
    assert "The rest follows" not in texts[1]


def test_more_than_was_ordered_is_refused_and_nothing_is_packed() -> None:
    order = make_allocated_order(units=2)
    take = takes_of(order)[0]

    with pytest.raises(shipments.TakeRefused) as refused:
        shipments.pack(order, [shipments.Take(take.component_id, take.lot_id, 3)], actor=None, at=AT)

    assert refused.value.fields == {take.field: [f"{part_of(order).sku}: 2 left to send, not 3."]}
    assert not Shipment.objects.exists()


def test_the_database_itself_refuses_more_in_parcels_than_was_ordered() -> None:
    part = part_of(make_allocated_order(units=2))

    with pytest.raises(IntegrityError), transaction.atomic():
        OrderLineComponent.objects.filter(pk=part.pk).update(packed=2, cancelled=1)


def test_staff_may_choose_a_later_lot() -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 5, best_before_on=date(2028, 1, 31), code="EARLY")
    late = put_in_stock(variant, 5, best_before_on=date(2029, 9, 30), code="LATE")
    order = make_allocated_order(variant=variant, units=2)
    assert late is not None

    shipment = shipments.pack(order, [shipments.Take(part_of(order).pk, late.pk, 2)], actor=None, at=AT)

    assert in_lots(shipment) == {"LATE": 2}


@pytest.mark.parametrize(
    ("take_away", "words"),
    [
        (lambda lot: inventory.recall(lot, actor=None, cause="drill", at=AT), "is not on sale: recalled"),
        (
            lambda lot: inventory.quarantine(lot, actor=None, cause="drill", at=AT),
            "is not on sale: quarantine",
        ),
        (
            lambda lot: Lot.objects.filter(pk=lot.pk).update(best_before_on=AT.date() + timedelta(days=59)),
            "too near its best-before date",
        ),
    ],
    ids=["recalled", "quarantined", "too old"],
)
def test_a_lot_that_may_not_be_sent_is_refused_beside_its_field(take_away, words) -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 5, code="GOOD")
    bad = put_in_stock(variant, 5, code="BAD")
    order = make_allocated_order(variant=variant, units=2)
    take_away(bad)
    take = shipments.Take(part_of(order).pk, bad.pk, 2)

    with pytest.raises(shipments.TakeRefused) as refused:
        shipments.pack(order, [take], actor=None, at=AT)

    assert words in refused.value.fields[take.field][0]
    assert not Shipment.objects.exists()


def test_a_unit_in_one_box_is_not_packed_into_another() -> None:
    variant = make_variant(stock=0)
    early = put_in_stock(variant, 2, best_before_on=date(2028, 1, 31), code="EARLY")
    put_in_stock(variant, 2, best_before_on=date(2029, 9, 30), code="LATE")
    first, second = (make_allocated_order(variant=variant, units=2) for _ in range(2))
    pack(first)

    with pytest.raises(shipments.TakeRefused, match="has 0 units free, not 2"):
        shipments.pack(second, [shipments.Take(part_of(second).pk, early.pk, 2)], actor=None, at=AT)
    assert in_lots(pack(second)) == {"LATE": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"review_reason": "odd"},
        {"is_disputed": True},
        {"status": Order.Status.CANCELLED},
        {"payment_status": Order.PaymentStatus.REFUNDED},
    ],
)
def test_an_order_that_may_not_leave_is_neither_packed_nor_dispatched(changes) -> None:
    waiting, packed = make_allocated_order(), make_allocated_order()
    shipment = pack(packed)
    takes = takes_of(waiting)
    Order.objects.update(**changes)

    with pytest.raises(shipments.MayNotShip):
        shipments.pack(waiting, takes, actor=None, at=AT)
    with pytest.raises(shipments.MayNotShip):
        shipments.dispatch(shipment, LABEL, actor=None, at=AT)

    assert not StockMovement.objects.filter(kind="consumed").exists()
    assert not OutboxMessage.objects.exists()
    assert not shipments.ready().exists()


def test_a_parcel_that_was_opened_again_is_packed_anew() -> None:
    order = make_allocated_order()
    first = pack(order)

    shipments.unpack(first, reason="wrong box", actor=None, at=AT)
    second = pack(order)

    assert (first.reference != second.reference, part_of(order).packed) == (True, 2)
    with pytest.raises(InvalidTransition):
        shipments.dispatch(first, LABEL, actor=None, at=AT)
    shipments.dispatch(second, LABEL, actor=None, at=AT)
    with pytest.raises(InvalidTransition):
        shipments.unpack(second, reason="too late", actor=None, at=AT)


def test_a_lot_recalled_between_packing_and_leaving_keeps_the_parcel_here() -> None:
    variant = make_variant(stock=0)
    lot = put_in_stock(variant, 2, code="BAD")
    put_in_stock(variant, 2, code="GOOD")
    order = make_allocated_order(variant=variant)
    shipment = pack(order)
    inventory.recall(lot, actor=None, cause="drill", at=AT)

    with pytest.raises(inventory.LotNotOnSale, match="Lot BAD"):
        shipments.dispatch(shipment, LABEL, actor=None, at=AT)
    shipments.unpack(shipment, reason="recalled", actor=None, at=AT)

    assert in_lots(send(order)) == {"GOOD": 2}


def test_an_order_whose_stock_was_taken_away_is_not_packed() -> None:
    variant = make_variant(stock=0)
    lot = put_in_stock(variant, 2)
    order = make_allocated_order(variant=variant)
    takes = takes_of(order)
    inventory.quarantine(lot, actor=None, cause="drill", at=AT)
    inventory.release_lot(lot, actor=None, cause="drill over", at=AT)

    with pytest.raises(inventory.NotAllocated):
        shipments.pack(order, takes, actor=None, at=AT)

    assert inventory.cover_shortage(order.stock_reference, at=AT)
    assert pack(order).lines.count() == 1


def test_an_order_in_a_box_keeps_its_stock_while_another_waits_unpacked() -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 2, best_before_on=date(2028, 1, 31), code="EARLY")
    late = put_in_stock(variant, 2, best_before_on=date(2029, 9, 30), code="LATE")
    waits, boxed = (make_allocated_order(variant=variant) for _ in range(2))
    parcel = pack(boxed)

    taken = inventory.quarantine(late, actor=None, cause="drill", at=AT)

    assert taken.short == [waits.stock_reference]
    shipments.dispatch(parcel, LABEL, actor=None, at=AT)
    assert StockReservation.objects.get(reference=boxed.stock_reference).packed == 0
    assert inventory.differences() == []


def test_a_bundle_leaves_with_a_lot_for_each_component() -> None:
    flakes, oil = make_variant(sku="FLK"), make_variant(sku="OIL")
    scoop = make_variant(sku="SCP", is_lot_tracked=False)
    bundle = make_bundle([(flakes, 2), (oil, 1), (scoop, 1)])
    order = make_allocated_order(variant=bundle, units=2)

    shipment = send(order)

    assert {(line.sku, line.quantity, line.lot is None) for line in shipment.lines.all()} == {
        ("FLK", 4, False), ("OIL", 2, False), ("SCP", 2, True),
    }  # fmt: skip
    order.refresh_from_db()
    assert order.fulfilment_status == "fulfilled"
    assert inventory.differences() == []


def test_a_lost_parcel_is_sent_again_from_new_stock_without_charge() -> None:
    variant = make_variant(stock=5)
    order = make_allocated_order(variant=variant)
    first = send(order, number="AB123456789GB")
    takes = [shipments.Take(line.component_id, line.lot_id, line.quantity) for line in first.lines.all()]
    with pytest.raises(shipments.NotLost):
        shipments.pack_again(first, takes, actor=None, at=AT)
    shipments.mark_lost(first, reason="the carrier says so", actor=None, at=AT)

    second = shipments.pack_again(first, takes, actor=None, at=AT)
    shipments.dispatch(second, LABEL, actor=None, at=AT)

    assert StockLevel.objects.get(variant=variant).on_hand == 1
    assert part_of(order).packed == 2
    assert second.replaces == first
    assert not order.payment.refunds.exists()
    assert OutboxMessage.objects.filter(kind="shipped").count() == 2
    with pytest.raises(shipments.NotLost):
        shipments.pack_again(first, takes, actor=None, at=AT)
    assert inventory.differences() == []


def test_a_lost_parcel_is_not_sent_again_from_nothing_or_with_more_than_was_in_it() -> None:
    variant = make_variant(stock=3)
    order = make_allocated_order(variant=variant)
    lost = shipments.mark_lost(send(order), reason="gone", actor=None, at=AT)
    part, lot = part_of(order), variant.lots.get()

    with pytest.raises(inventory.OutOfStock):
        shipments.pack_again(lost, [shipments.Take(part.pk, lot.pk, 3)], actor=None, at=AT)
    put_in_stock(variant, 5)
    with pytest.raises(shipments.TakeRefused, match="2 left to send, not 3"):
        shipments.pack_again(lost, [shipments.Take(part.pk, lot.pk, 3)], actor=None, at=AT)
    again = shipments.pack_again(lost, [shipments.Take(part.pk, lot.pk, 1)], actor=None, at=AT)
    shipments.unpack(again, reason="drill", actor=None, at=AT)

    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (6, 0)


def test_a_piece_that_is_paid_back_before_packing_is_not_sent() -> None:
    variant = make_variant(stock=5)
    order = make_allocated_order(variant=variant, units=3)

    refunds.request_refund(order, lines={order.lines.get().pk: 1}, reason="too many", actor=None, at=AT)
    send(order)

    order.refresh_from_db()
    assert order.fulfilment_status == "fulfilled"
    assert (part_of(order).packed, part_of(order).cancelled) == (2, 1)
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (3, 0)
    assert inventory.differences() == []


def test_a_piece_that_is_paid_back_after_it_left_leaves_the_rest_to_be_sent() -> None:
    variant = make_variant(stock=5)
    order = make_allocated_order(variant=variant, units=2)
    shipments.pack(order, [shipments.Take(part_of(order).pk, variant.lots.get().pk, 2)], actor=None, at=AT)

    refunds.request_refund(order, lines={order.lines.get().pk: 1}, reason="torn", actor=None, at=AT)

    assert (part_of(order).packed, part_of(order).cancelled) == (2, 0)
    assert units.to_pack(order) == {order.lines.get().pk: 0}
