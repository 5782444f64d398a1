"""What staff do: send parcels, book goods in, decide prices, give money back, go on after a dispute."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from catalog import inventory, pricing
from catalog.models import Lot, Price, StockMovement, Variant
from orders import refunds, shipments
from orders.models import Order, Shipment, Subscription
from orders.subscriptions import changes, repricing
from shop.exceptions import ShopError

RECEIVED_AT_A_TIME = 60
REORDER_BELOW = 20
BEST_BEFORE_DAYS = 900
# One day in so many, each.
NEW_PRICE_EVERY, REFUND_EVERY, FLOOD_EVERY = 40, 15, 12


@dataclass
class Staff:
    """The office, and a shelf that water or damp may reach."""

    chance: random.Random
    goods: list[Variant]
    done: Counter[str] = field(default_factory=Counter)
    # Until when nothing arrives, by variant.
    dry_until: dict[int, datetime] = field(default_factory=dict)
    _lots: int = 0

    def work(self, *, at: datetime) -> None:
        """Do a day's work."""
        self._flood(at=at)
        self._receive(at=at)
        self._ship(at=at)
        self._decide_prices(at=at)
        self._refund(at=at)
        self._resume_after_disputes(at=at)

    def _flood(self, *, at: datetime) -> None:
        """Spoil nearly all of one thing; its next delivery is days or weeks away."""
        if self.chance.randrange(FLOOD_EVERY):
            return
        variant = self.chance.choice(self.goods)
        self.dry_until[variant.pk] = at + timedelta(days=self.chance.choice((2, 4, 9, 35)))
        spoiled = inventory.available_for([variant])[variant.pk] - self.chance.randint(0, 2)
        lots = Lot.objects.filter(variant=variant, status=Lot.Status.RELEASED, on_hand__gt=0)
        for lot in lots.order_by("best_before_on", "pk"):
            units = min(lot.on_hand, spoiled)
            if units > 0:
                spoiled -= units
                self._book(lot, -units, at=at)
        self.done["stock-outs"] += 1

    def _book(self, lot: Lot, quantity: int, *, at: datetime) -> None:
        with transaction.atomic():
            inventory.adjust(
                variant=lot.variant, lot=lot, kind=StockMovement.Kind.DAMAGED, quantity=quantity,
                reason="flood", actor=None, cause=f"simulation:flood:{lot.pk}:{at:%Y%m%d}", at=at,
            )  # fmt: skip

    def _receive(self, *, at: datetime) -> None:
        available = inventory.available_for(self.goods)
        for variant in self.goods:
            if available[variant.pk] >= REORDER_BELOW or at < self.dry_until.get(variant.pk, at):
                continue
            self._lots += 1
            with transaction.atomic():
                inventory.receive_lot(
                    variant=variant, code=f"SIM{self._lots:05}", quantity=RECEIVED_AT_A_TIME,
                    best_before_on=inventory.shop_date(at) + timedelta(days=BEST_BEFORE_DAYS),
                    cause=f"simulation:lot:{self._lots}", at=at, release=True,
                )  # fmt: skip
            self.done["deliveries"] += 1

    def _ship(self, *, at: datetime) -> None:
        found = list(shipments.with_parts(shipments.ready()))
        made = shipments.plan(found, at=at)
        packed = shipments.pack_all(made.takes, actor=None, at=at)
        boxes = [row.shipment for row in packed if row.shipment is not None]
        boxes += [box for box in Shipment.objects.filter(status=Shipment.Status.PACKED) if box not in boxes]
        labels = {
            box.reference: shipments.label_of(carrier="Royal Mail", tracking_number=f"RM{box.pk:09}GB")
            for box in boxes
        }
        sent = shipments.dispatch_all(labels, actor=None, at=at)
        self.done["parcels sent"] += sum(row.shipment is not None for row in sent)

    def _decide_prices(self, *, at: datetime) -> None:
        if self.chance.randrange(NEW_PRICE_EVERY):
            return
        variant = self.chance.choice(self.goods)
        currency = self.chance.choice(("GBP", "GBP", "EUR", "USD"))
        offer = pricing.offer_of(variant, currency, at)
        dearer = offer.amount * self.chance.randint(103, 112) // 100
        with transaction.atomic():
            pricing.change_price(
                variant=variant, currency=currency, kind=Price.Kind.LIST, amount=dearer, starts_at=at, at=at
            )
        self.done["list prices raised without a word to subscribers"] += 1
        if self.chance.randrange(2):
            told = repricing.reprice(
                variant, currency=currency, unit_price=dearer * 9 // 10,
                applies_at=at + timedelta(days=self.chance.randint(8, 25)), actor=None, at=at,
            )  # fmt: skip
            self.done["subscriptions told of a rise"] += told

    def _refund(self, *, at: datetime) -> None:
        if self.chance.randrange(REFUND_EVERY):
            return
        paid = Order.objects.filter(payment_status=Order.PaymentStatus.PAID).order_by("-pk")[:20]
        if not paid:
            return
        order = self.chance.choice(list(paid))
        what = self.chance.choice(("an amount", "a piece", "everything"))
        given: dict[str, dict[str, Any]] = {
            "an amount": {"amount": 100},
            "a piece": {"lines": {order.lines.order_by("pk")[0].pk: 1}, "with_shipping": True},
            "everything": {},
        }
        try:
            refunds.request_refund(order, **given[what], reason="torn pouch", actor=None, at=at)
        except ShopError as refusal:
            self.done[f"refund refused: {refusal.code}"] += 1
        else:
            self.done[f"refunds, {what}"] += 1

    def _resume_after_disputes(self, *, at: datetime) -> None:
        halted = Subscription.objects.filter(
            status=Subscription.Status.PAUSED, status_reason=Subscription.DISPUTE
        )
        for row in halted.order_by("pk"):
            if self.chance.randrange(10) == 0:
                changes.resume(row, at=at, by_staff=True)
                self.done["resumed after a dispute"] += 1
