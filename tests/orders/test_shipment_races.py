"""Real connections: two packers, two vans, a packer and a clerk. Nothing is sent twice, nothing refunded is sent."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import F

from catalog import inventory
from catalog.models import StockLevel, StockMovement
from orders import amendments, recalls, refunds, shipments
from orders.models import OrderLineComponent, RecallNotice, Shipment, ShipmentLine, StripeRefund
from orders.shipments import packing
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.factories.parcels import make_allocated_order, pack, send, takes_of

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
AT_ONCE = 8


def all_at_once(*works: Callable[[], Any]) -> Counter[str]:
    """Run each work in a thread of its own, beginning together; count what came of them."""
    gate, outcomes = threading.Barrier(len(works)), []

    def one(work: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=10)
            work()
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return Counter(outcomes)


def test_eight_packers_pack_an_order_once() -> None:
    order = make_allocated_order(variant=make_variant(stock=20), units=2)
    takes = takes_of(order)

    outcomes = all_at_once(*[lambda: shipments.pack(order, takes, actor=None, at=AT)] * AT_ONCE)

    assert outcomes == {"done": 1, "TakeRefused": AT_ONCE - 1}
    assert OrderLineComponent.objects.get().packed == 2
    assert ShipmentLine.objects.get().quantity == 2


def test_control_without_the_orders_lock_only_the_constraint_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is off and the packers look together: all of them believe that there are units to pack."""
    order = make_allocated_order(variant=make_variant(stock=20), units=2)
    takes, looked = takes_of(order), threading.Barrier(AT_ONCE)

    def look_only(order: Any) -> Any:
        return order

    def add_without_looking(counted: Any) -> None:
        looked.wait(timeout=30)
        for part, n in counted:
            OrderLineComponent.objects.filter(pk=part.pk).update(packed=F("packed") + n)

    monkeypatch.setattr(packing, "lock_order", look_only)
    monkeypatch.setattr(packing, "_check_places", lambda *args, **kwargs: None)
    monkeypatch.setattr(packing, "_check_allocated", lambda *args: None)
    monkeypatch.setattr(packing.units, "count_packed", add_without_looking)

    outcomes = all_at_once(*[lambda: shipments.pack(order, takes, actor=None, at=AT)] * AT_ONCE)

    assert outcomes == {"done": 1, IntegrityError.__name__: AT_ONCE - 1}
    assert OrderLineComponent.objects.get().packed == 2


def test_a_parcel_is_dispatched_once_by_eight_vans() -> None:
    variant = make_variant(stock=20)
    parcel = pack(make_allocated_order(variant=variant, units=2))
    label = shipments.Label()

    outcomes = all_at_once(*[lambda: shipments.dispatch(parcel, label, actor=None, at=AT)] * AT_ONCE)

    assert outcomes == {"done": 1, "InvalidTransition": AT_ONCE - 1}
    assert StockMovement.objects.filter(kind="consumed").count() == 1
    assert StockLevel.objects.get(variant=variant).on_hand == 18
    assert OutboxMessage.objects.filter(kind="shipped").count() == 1
    assert inventory.differences() == []


def test_two_orders_do_not_get_the_same_unit_of_a_lot() -> None:
    variant = make_variant(stock=AT_ONCE)
    orders = [make_allocated_order(variant=variant, units=1) for _ in range(AT_ONCE)]
    lot = variant.lots.get()
    takes = {order.pk: takes_of(order) for order in orders}

    outcomes = all_at_once(
        *[lambda order=order: shipments.pack(order, takes[order.pk], actor=None, at=AT) for order in orders]
    )

    assert outcomes == {"done": AT_ONCE}
    boxed = sum(ShipmentLine.objects.filter(lot=lot).values_list("quantity", flat=True))
    assert boxed == lot.on_hand == AT_ONCE


def test_a_piece_is_packed_or_taken_off_never_both() -> None:
    clerk = User.objects.create_superuser("clerk@shop.example", "pw")
    variant = make_variant(stock=40)
    for _ in range(6):
        order = make_allocated_order(variant=variant, units=2)
        line, takes = order.lines.get(), takes_of(order)

        outcomes = all_at_once(
            lambda order=order, takes=takes: shipments.pack(order, takes, actor=None, at=AT),
            lambda order=order, line=line: amendments.remove_pieces(
                order, {line.pk: 1}, reason="-", actor=clerk, expected_left=2895, at=AT
            ),
        )

        part = OrderLineComponent.objects.get(line=line)
        assert outcomes["done"] == 1, outcomes
        assert (part.packed, part.cancelled) in {(2, 0), (0, 1)}
        assert StripeRefund.objects.filter(payment__order=order).count() == part.cancelled
    assert inventory.differences() == []


def test_a_refund_of_everything_and_a_dispatch_meet_in_order() -> None:
    parcel = pack(make_allocated_order(variant=make_variant(stock=20)))
    order = parcel.order

    outcomes = all_at_once(
        lambda: shipments.dispatch(parcel, shipments.Label(), actor=None, at=AT),
        lambda: refunds.request_refund(order, reason="-", actor=None, at=AT),
    )

    assert outcomes == {"done": 2}
    assert Shipment.objects.get().status == "dispatched"
    assert StripeRefund.objects.count() == 1


def test_crossed_files_and_packers_do_not_deadlock() -> None:
    first, second = make_variant(stock=60), make_variant(stock=60)
    parcels = [pack(make_allocated_order(variant=variant)) for variant in (first, second) * 4]
    waiting = [make_allocated_order(variant=variant) for variant in (second, first) * 4]
    takes = {order.pk: takes_of(order) for order in waiting}
    header = "reference,tracking_number\n"
    half = len(parcels) // 2
    files = [
        header + "".join(f"{parcel.reference},AAAA{parcel.pk}\n" for parcel in rows)
        for rows in (parcels[:half], parcels[half:][::-1])
    ]

    outcomes = all_at_once(
        *[lambda text=text: shipments.dispatch_file(text, actor=None, at=AT) for text in files],
        *[lambda order=order: shipments.pack(order, takes[order.pk], actor=None, at=AT) for order in waiting],
    )

    assert outcomes == {"done": 2 + len(waiting)}
    assert inventory.differences() == []


def test_a_recall_run_four_times_at_once_tells_each_customer_once() -> None:
    variant = make_variant(stock=20)
    for number in range(4):
        send(make_allocated_order(variant=variant, units=1, email=f"c{number}@shop.example"))
    lots = [variant.lots.get()]

    outcomes = all_at_once(*[lambda: recalls.recall(lots, reason="-", actor=None, at=AT)] * 4)

    assert outcomes == {"done": 4}
    assert OutboxMessage.objects.filter(kind="recall").count() == 4
    assert RecallNotice.objects.count() == 4
