"""Every kind of mail with made-up rows that are never saved: what the preview page and its tests show."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db import models

from catalog.models import Lot, Product, Variant
from orders.emails import books, order_mails, parcels, refill_access, refill_notices, refills, staff_mails
from orders.models import (
    Customer,
    Dispute,
    FraudWarning,
    Order,
    OrderLine,
    OrderLineComponent,
    Payment,
    PriceRise,
    ReconciliationDifference,
    ReconciliationRun,
    Refill,
    RefillBreaker,
    RefillItem,
    SavedCard,
    Shipment,
    ShipmentLine,
    StripeRefund,
    Subscription,
)
from shop.mail.outbox import Letter

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOME = {
    "name": "Ada Byron", "company": "", "line1": "12 Millpond Lane", "line2": "", "city": "Leeds",
    "region": "", "postal_code": "LS1 4AB", "country": "GB", "phone": "",
}  # fmt: skip
Row = TypeVar("Row", bound=models.Model)
# No row has it: what a builder looks up beside its sample finds nothing.
NO_ROW = 0


def _flakes() -> Variant:
    product = Product(
        pk=NO_ROW, slug="bath-flakes", name="Magnesium Bath Flakes, Unscented", kind=Product.Kind.FLAKES,
        directions={
            "foot": [
                "Dissolve 150 g in a basin with 5 litres of warm water, 38 °C at most.",
                "Soak your feet for 20 to 30 minutes.",
                "Rinse your feet, or leave the salt on your skin.",
            ]
        },
        label_dose={"foot_g": [100, 250], "max_sessions_per_week": 7},
        usage_defaults={"foot_g": 150, "minutes": [20, 30], "sessions_per_week": 3},
        caution_codes=["EXT_ONLY", "EYES", "NUMB_FEET", "SLIP"], durability_months=36,
    )  # fmt: skip
    return Variant(
        pk=NO_ROW, product=product, sku="FLK-ORI-1000", name="1 kg pouch", net_content=1000, net_unit="g",
        is_subscribable=True,
    )  # fmt: skip


def _oil() -> Variant:
    product = Product(
        pk=NO_ROW - 1, slug="oil", name="Magnesium Oil", kind=Product.Kind.OIL,
        directions={"skin": ["Spray on clean skin and rub in.", "Wipe off after 20 minutes if it itches."]},
        label_dose={"sprays_per_day": [3, 20]},
        usage_defaults={"sprays_per_day": 10}, caution_codes=["EXT_ONLY", "TINGLE", "PATCH"],
        ml_per_spray=Decimal("0.15"), durability_months=24,
    )  # fmt: skip
    return Variant(
        pk=NO_ROW - 1, product=product, sku="OIL-STR-0100", name="100 ml spray", net_content=100,
        net_unit="ml",
    )  # fmt: skip


def order() -> Order:
    """Return a paid order of flakes on refill and a bottle of oil, in the middle of its life."""
    row = Order(
        pk=NO_ROW, reference="K7MPW2X9QA", email="ada@buyer.example", locale="en-gb",
        status=Order.Status.PLACED, payment_status=Order.PaymentStatus.PAID, currency="GBP", items_total=3640,
        discount_total=0, shipping_total=395, tax_total=673, total=4035, tax_included=True, country="GB",
        shipping_address=HOME, billing_address=HOME, shipping_zone="GB", shipping_method="standard",
        shipping_method_name="Standard", transit_days_min=2, transit_days_max=4, terms_version="2026-11",
        placed_at=AT, paid_at=AT, hold_expires_at=AT + timedelta(minutes=15),
    )  # fmt: skip
    lines = [
        _line(row, 1, _flakes(), quantity=2, gross=2390, refill=("week", 4)),
        _line(row, 2, _oil(), quantity=1, gross=1250),
    ]
    return with_rows(row, lines=lines)


def _line(
    row: Order,
    position: int,
    variant: Variant,
    *,
    quantity: int,
    gross: int,
    refill: tuple[str, int] | None = None,
) -> OrderLine:
    unit, count = refill or (None, None)
    line = OrderLine(
        pk=-position, order=row, position=position, variant=variant, sku=variant.sku,
        product_name=variant.product.name, variant_name=variant.name, quantity=quantity,
        unit_price=gross // quantity, tax_name="VAT", tax_rate=Decimal(20), net=gross - gross // 6,
        tax=gross // 6, gross=gross, refill_unit=unit, refill_count=count,
    )  # fmt: skip
    part = OrderLineComponent(line=line, variant=variant, sku=variant.sku, quantity=quantity, packed=quantity)
    return with_rows(line, components=[part])


def with_rows(row: Row, **related: Sequence[models.Model]) -> Row:
    """Let `row.lines.all()` and its kin answer with these, as if they had been prefetched."""
    row._prefetched_objects_cache = dict(related)  # type: ignore[attr-defined]
    return row


def _customer() -> Customer:
    return Customer(
        pk=NO_ROW, email="ada@buyer.example", name="Ada Byron", locale="en-gb", timezone="Europe/London"
    )


def _card() -> SavedCard:
    return SavedCard(
        pk=NO_ROW,
        customer=_customer(),
        brand="visa",
        last4="4242",
        exp_month=4,
        exp_year=2030,
        created_at=AT,
    )


def refill() -> Refill:
    """Return a refill of one pouch, charged once."""
    row = Refill(
        pk=NO_ROW, reference="R-0A1B2C3D4E5F", customer=_customer(), card=_card(), currency="GBP",
        shipping_address=HOME, shipping_method="standard", due_at=AT, next_attempt_at=AT + timedelta(days=5),
        quoted_total=1590, notices=1, failed_attempts=1, order=order(), created_at=AT,
    )  # fmt: skip
    row.order.total = 1590  # type: ignore[union-attr]
    return with_rows(row, items=[RefillItem(refill=row, variant=_flakes(), quantity=1, unit_price=1195)])


def subscription() -> Subscription:
    """Return an active subscription of a pouch every four weeks."""
    return Subscription(
        pk=NO_ROW, reference="S-0A1B2C3D4E5F", customer=_customer(), started_by=order().lines.all()[0],
        variant=_flakes(), quantity=1, interval_unit="week", interval_count=4, anchor_on=date(2026, 11, 23),
        currency="GBP", unit_price=1195, card=_card(), shipping_address=HOME, created_at=AT,
    )  # fmt: skip


def _parcel() -> Shipment:
    box = Shipment(
        pk=NO_ROW, reference="P-7QX2M9KA", order=order(), address=HOME, carrier="Royal Mail",
        tracking_number="QX123456785GB", tracking_url="https://www.royalmail.com/track-your-item",
        weight_g=2300, status=Shipment.Status.DISPATCHED, packed_at=AT, dispatched_at=AT,
    )  # fmt: skip
    flakes, oil = _flakes(), _oil()
    lots = [
        Lot(pk=NO_ROW, variant=flakes, code="F2611A", best_before_on=date(2029, 9, 30)),
        Lot(pk=NO_ROW - 1, variant=oil, code="O2610C", best_before_on=date(2028, 10, 31)),
    ]
    lines = [
        ShipmentLine(shipment=box, variant=flakes, sku=flakes.sku, lot=lots[0], quantity=2),
        ShipmentLine(shipment=box, variant=oil, sku=oil.sku, lot=lots[1], quantity=1),
    ]
    return with_rows(box, lines=lines)


def _recall() -> Letter:
    return parcels.recall_notice(
        list(_parcel().lines.all())[:1],
        reason="The seal of some pouches of this batch may not close.",
        subject_key="lot:sample",
        occasion="sample",
    )


def _refund() -> Letter:
    given = order()
    payment = Payment(pk=NO_ROW, order=given, currency="GBP", amount=given.total)
    return order_mails.refund_sent(
        given, StripeRefund(pk=NO_ROW, payment=payment, amount=1195, currency="GBP", requested_at=AT)
    )


def _dispute() -> Letter:
    dispute = Dispute(
        pk=NO_ROW, stripe_dispute_id="du_sample", amount=4035, currency="GBP", reason="product_not_received",
        status="needs_response", evidence_due_at=AT + timedelta(days=9), opened_at=AT,
    )  # fmt: skip
    return staff_mails.dispute_changed(order(), dispute)


def _warning() -> Letter:
    warning = FraudWarning(
        pk=NO_ROW, stripe_warning_id="issfr_sample", fraud_type="made_with_stolen_card", is_actionable=True,
        raised_at=AT,
    )  # fmt: skip
    return staff_mails.fraud_warning(order(), warning)


def _rise() -> PriceRise:
    return PriceRise(
        pk=NO_ROW, subscription=subscription(), old_price=1195, new_price=1295, notices=1, decided_at=AT,
        applies_at=AT + timedelta(days=14),
    )  # fmt: skip


def _breaker() -> RefillBreaker:
    reason = "31 of 40 cards were declined"
    return RefillBreaker(state="open", cause="declines", reason=reason, tripped_at=AT, since=AT)


def _books() -> Letter:
    run = ReconciliationRun(pk=NO_ROW, started_at=AT)
    row = ReconciliationDifference(
        pk=NO_ROW, run=run, kind="amount_differs", severity="critical", subject="pi_sample", order=order(),
        explanation="Stripe received £40.35, the payment says £4.", advice="Ask Stripe.", known_since=AT,
    )  # fmt: skip
    return books.staff_books(with_rows(run, differences=[row]), to="staff@shop.example")


SAMPLES: dict[str, Callable[[], Letter]] = {
    "action_required": lambda: refills.action_required(refill()),
    "card_expiring": lambda: refill_notices.card_expiring(_card(), [subscription()], 30),
    "card_missing": lambda: refills.card_missing(_card(), [subscription()]),
    "order_confirmation": lambda: order_mails.order_confirmation(order()),
    "paid_too_late": lambda: order_mails.paid_too_late(order()),
    "payment_failed": lambda: order_mails.payment_failed(order()),
    "price_rise": lambda: refill_notices.price_rise(_rise()),
    "recall": _recall,
    "refill_card_link": lambda: refill_access.card_link(subscription(), at=AT),
    "refill_declined": lambda: refills.refill_declined(refill(), retry_at=AT + timedelta(days=3)),
    "refill_links": lambda: refill_access.fresh_link([subscription()], at=AT),
    "refill_not_sold": lambda: refill_notices.not_sold(
        subscription(), ["Magnesium Bath Flakes, Unscented, 2.5 kg pouch"], at=AT
    ),
    "refill_out_of_stock": lambda: refills.refill_out_of_stock(refill(), day=15, since=AT.date()),
    "refill_paid": lambda: refills.refill_paid(refill()),
    "refill_stopped": lambda: refills.refill_stopped(refill()),
    "refill_upcoming": lambda: refills.refill_upcoming(refill(), shipping=395, tax=265),
    "refund": _refund,
    "shipped": lambda: parcels.shipped(_parcel()),
    "staff_books": _books,
    "staff_dispute": _dispute,
    "staff_fraud_warning": _warning,
    "staff_refills_stopped": lambda: staff_mails.refills_stopped(_breaker()),
    "staff_review": lambda: order_mails.staff_review(order(), "Stripe says £40.35, the order £4"),
    "subscription_cancelled": lambda: refills.subscription_cancelled(subscription(), at=AT),
    "subscription_changed": lambda: refills.subscription_changed(
        subscription(), what="It now comes every 6 weeks, next on 4 January.", at=AT
    ),
    "subscription_terms": lambda: refill_notices.terms_reminder(_customer(), [subscription()], AT),
}
