"""A paid order that has not left is cancelled whole: its stock, its money, the refills that it began."""

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import StockLevel
from orders import invoices, links, reconciler, shipments, tasks
from orders.models import Invoice, Order, StripeRefund, Subscription
from orders.returns import cancellation
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import make_dispute, make_refund
from tests.factories.parcels import make_allocated_order, pack, send
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Refunds that a worker was woken for."""
    seen: list[int] = []
    refunds = {tasks.send_refund.name}
    monkeypatch.setattr(tasks, "wake", lambda task, *args: seen.extend(args if task.name in refunds else ()))
    return seen


def cancel(order: Order) -> StripeRefund | None:
    return cancellation.cancel_paid(order, reason="Changed my mind.", actor=None, at=timezone.now())


def level(sku: str) -> tuple[int, int]:
    row = StockLevel.objects.get(variant__sku=sku)
    return row.on_hand, row.reserved


def test_the_holder_cancels_over_the_api_and_gets_everything_back(till: Till, woken: list[int]) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    assert level("FLK") == (10, 2)
    token = {"Authorization": f"OrderToken {links.order_token(order)}"}

    answer = till.send("POST", f"orders/{order.reference}/cancel", {"reason": "Too late."}, **token)

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert level("FLK") == (10, 0)
    refund = StripeRefund.objects.get()
    assert (refund.amount, refund.status) == (2985, "requested")
    assert woken == [refund.pk]
    mail = OutboxMessage.objects.get(kind="order_cancelled")
    assert "£29.85 goes back" in mail.text
    assert "refills" not in mail.text


def test_the_refund_of_a_cancelled_order_is_credited_in_full(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))

    refund = cancel(order)
    assert refund is not None
    reconciler.send_refund(refund.pk, at=timezone.now())

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    invoice, note = Invoice.objects.order_by("pk")
    assert (note.kind, note.gross, note.tax) == ("credit_note", invoice.gross, invoice.tax)
    assert invoices.missing_ids() == []


def test_refills_that_the_order_began_end_with_it(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1, {"unit": "week", "count": 4}))
    assert Subscription.objects.get().status == "active"

    cancel(order)

    assert Subscription.objects.get().status == "cancelled"
    assert OutboxMessage.objects.filter(kind="subscription_cancelled").count() == 1
    assert (
        "The refills that began with this order have ended"
        in OutboxMessage.objects.get(kind="order_cancelled").text
    )


def test_a_refused_cancellation_ends_no_refill(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1, {"unit": "week", "count": 4}))
    pack(order, at=timezone.now())

    with pytest.raises(cancellation.NotCancellable, match="packed already"):
        cancel(order)

    assert Subscription.objects.get().status == "active"
    assert not StripeRefund.objects.exists()
    assert not OutboxMessage.objects.filter(kind="order_cancelled").exists()


def test_what_was_refunded_before_is_not_refunded_again() -> None:
    order = make_allocated_order()
    make_refund(order, amount=500)

    refund = cancel(order)

    assert refund is not None
    assert refund.amount == 2395


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (pack, "its parcel is packed"),
        (send, "its parcel is packed"),
        (lambda order: (make_dispute(order), Order.objects.update(is_disputed=True)), "disputed"),
        (lambda order: cancel(order), "it is cancelled"),
    ],
)
def test_what_has_left_or_ended_or_is_disputed_is_not_cancelled(happens: object, why: str) -> None:
    order = make_allocated_order()
    happens(order)  # type: ignore[operator]
    before = StripeRefund.objects.count()

    with pytest.raises(cancellation.NotCancellable, match=why):
        cancel(order)

    assert StripeRefund.objects.count() == before


def test_a_parcel_that_was_opened_again_does_not_stand_in_the_way() -> None:
    order = make_allocated_order()
    shipments.unpack(pack(order), reason="wrong box", actor=None, at=AT)

    cancel(order)

    order.refresh_from_db()
    assert order.status == "cancelled"


def test_the_orders_page_offers_it_only_while_nothing_is_packed(woken: list[int]) -> None:
    order, packed = make_allocated_order(), make_allocated_order()
    pack(packed)
    client = Client()
    page, other = (f"/o/{links.order_token(row)}" for row in (order, packed))

    assert "Cancel the order" in client.get(page).content.decode()
    assert "Cancel the order" not in client.get(other).content.decode()
    client.post(f"{page}/cancel")
    refused = client.post(f"{other}/cancel", follow=True).content.decode()

    order.refresh_from_db()
    packed.refresh_from_db()
    assert (order.status, packed.status) == ("cancelled", "placed")
    assert "its parcel is packed already" in refused
    assert len(woken) == 1


def test_staff_cancel_with_their_name_on_it(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    staff = User.objects.create_superuser("boss@shop.example", "pw")
    desk = Client()
    desk.force_login(staff)

    said = desk.post(f"/admin/orders/order/{order.pk}/cancel_order/", {"reason": "Phoned."}, follow=True)

    assert "£29.85 went back to the customer." in said.content.decode()
    assert order.events.get(kind="cancelled").actor == staff
