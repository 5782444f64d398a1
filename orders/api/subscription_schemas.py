"""Shapes of what goes in and out about refills, and records as JSON."""

from typing import Any

from rest_framework import serializers

from catalog.models import Variant
from orders.api import views_of
from orders.api.schemas import AddressSerializer, CardOut, RefillSerializer
from orders.models import BillingCycle, Refill, RefillExtra, Subscription
from orders.models.cart import RefillUnit
from orders.totals import Quote
from shop.api.fields import MoneySerializer, StrictCharField, StrictIntegerField, StrictSerializer, money
from shop.api.pagination import PageOut


class ListQuery(serializers.Serializer):
    """Query parameters: `read_query` refuses those that are not named here."""

    status = serializers.ChoiceField(choices=Subscription.Status.choices, required=False)


class PauseSerializer(StrictSerializer):
    until = serializers.DateField(required=False, allow_null=True, default=None, help_text="Local day.")


class QuantitySerializer(StrictSerializer):
    quantity = StrictIntegerField(min_value=1, max_value=1_000_000)


class RescheduleSerializer(StrictSerializer):
    interval = RefillSerializer(required=False)
    next_on = serializers.DateField(required=False, help_text="Local day of the next refill.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"interval": ["Give an interval, a next day, or both."]})
        return attrs


class CardChoiceSerializer(StrictSerializer):
    card = StrictCharField(max_length=64, help_text="The id of one of your saved cards.")


class AddressChangeSerializer(StrictSerializer):
    address = AddressSerializer()


class SendNowSerializer(StrictSerializer):
    expected_total = StrictIntegerField(
        min_value=0, max_value=10**12, help_text="Minor units: the total that was shown, see GET."
    )


class SwapSerializer(StrictSerializer):
    sku = StrictCharField(max_length=40)


class ItemSerializer(StrictSerializer):
    sku = StrictCharField(max_length=40)
    quantity = StrictIntegerField(min_value=1, max_value=1_000_000)


class CancelSerializer(StrictSerializer):
    reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class IntervalOut(serializers.Serializer):
    unit = serializers.ChoiceField(choices=RefillUnit.choices)
    count = serializers.IntegerField()


class NextRefillOut(serializers.Serializer):
    due_on = serializers.DateField(help_text="Local day of the customer.")
    due_at = serializers.DateTimeField()
    refill = serializers.CharField(allow_null=True, help_text="Set once it is planned.")


class ExtraOut(serializers.Serializer):
    id = serializers.CharField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneySerializer()
    refill = serializers.CharField(allow_null=True, help_text="Null while it waits for one to be planned.")


class SendNowOut(serializers.Serializer):
    total = MoneySerializer(help_text="Send its `amount` as `expected_total`.")
    shipping = MoneySerializer()
    items = serializers.ListField(child=serializers.CharField())


class SwapChoiceOut(serializers.Serializer):
    sku = serializers.CharField()
    product_name = serializers.CharField()
    variant_name = serializers.CharField()
    unit_price = MoneySerializer()


class SwapChoicesOut(serializers.Serializer):
    results = SwapChoiceOut(many=True)


class SubscriptionOut(serializers.Serializer):
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=Subscription.Status.choices)
    sku = serializers.CharField()
    product_name = serializers.CharField()
    variant_name = serializers.CharField()
    quantity = serializers.IntegerField()
    interval = IntervalOut()
    unit_price = MoneySerializer()
    next = NextRefillOut(allow_null=True)
    items = ExtraOut(many=True, help_text="What comes along once, with the next refill.")
    card = CardOut(allow_null=True)
    shipping_address = serializers.DictField()
    paused_until = serializers.DateField(allow_null=True)
    created_at = serializers.DateTimeField()
    cancelled_at = serializers.DateTimeField(allow_null=True)


class SubscriptionPageOut(PageOut):
    results = SubscriptionOut(many=True)


class ParcelItemOut(serializers.Serializer):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneySerializer()
    subscription = serializers.CharField(allow_null=True, help_text="Null for an item added once.")
    id = serializers.CharField(allow_null=True, help_text="Of an item added once: it can be taken out again.")


class ParcelOut(serializers.Serializer):
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=Refill.Status.choices)
    charge_at = serializers.DateTimeField(
        allow_null=True, help_text="Null while it waits for you, or is over."
    )
    total = MoneySerializer(allow_null=True, help_text="The most that will be charged.")
    items = ParcelItemOut(many=True)
    card = CardOut(allow_null=True)
    shipping_address = serializers.DictField()
    order = serializers.CharField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)


def subscription(row: Subscription) -> dict[str, Any]:
    """Return a subscription as its holder sees it. Expects `open_cycles` with their refills, and
    `waiting_extras` with their variants, prefetched.
    """
    coming: list[BillingCycle] = row.open_cycles  # type: ignore[attr-defined]
    return {
        "reference": row.reference,
        "status": row.status,
        "sku": row.variant.sku,
        "product_name": row.variant.product.name,
        "variant_name": row.variant.name,
        "quantity": row.quantity,
        "interval": {"unit": row.interval_unit, "count": row.interval_count},
        "unit_price": money(row.unit_price, row.currency),
        "next": _coming(coming[0]) if coming and row.status == Subscription.Status.ACTIVE else None,
        "items": [_extra(extra, row.currency) for extra in row.waiting_extras],  # type: ignore[attr-defined]
        "card": views_of.card(row.card) if row.card else None,
        "shipping_address": row.shipping_address,
        "paused_until": row.paused_until,
        "created_at": row.created_at,
        "cancelled_at": row.cancelled_at,
    }


def refill(row: Refill) -> dict[str, Any]:
    """Return a refill as its holder sees it. Expects items with their variants and cycles prefetched."""
    return {
        "reference": row.reference,
        "status": row.status,
        "charge_at": row.next_attempt_at,
        "total": None if row.quoted_total is None else money(row.quoted_total, row.currency),
        "items": [
            {
                "sku": item.variant.sku,
                "name": f"{item.variant.product.name}, {item.variant.name}",
                "quantity": item.quantity,
                "unit_price": money(item.unit_price, row.currency),
                "subscription": item.cycle.subscription.reference if item.cycle else None,
                "id": item.extra.reference if item.extra else None,
            }
            for item in row.items.all()
        ],
        "card": views_of.card(row.card) if row.card else None,
        "shipping_address": row.shipping_address,
        "order": row.order.reference if row.order else None,
        "paid_at": row.paid_at,
    }


def send_now(quote: Quote) -> dict[str, Any]:
    """Return what a parcel costs if it is sent now."""
    return {
        "total": money(quote.total, quote.currency),
        "shipping": money(quote.shipping_amount, quote.currency),
        "items": [f"{line.priced.quantity} × {line.priced.variant.product.name}" for line in quote.lines],
    }


def swap_choice(variant: Variant, amount: int, currency: str) -> dict[str, Any]:
    """Return what may take a variant's place, at its refill price."""
    return {
        "sku": variant.sku,
        "product_name": variant.product.name,
        "variant_name": variant.name,
        "unit_price": money(amount, currency),
    }


def _extra(row: RefillExtra, currency: str) -> dict[str, Any]:
    return {
        "id": row.reference,
        "sku": row.variant.sku,
        "name": f"{row.variant.product.name}, {row.variant.name}",
        "quantity": row.quantity,
        "unit_price": money(row.unit_price, currency),
        "refill": row.refill.reference if row.refill else None,
    }


def _coming(cycle: BillingCycle) -> dict[str, Any]:
    return {
        "due_on": cycle.due_on,
        "due_at": cycle.due_at,
        "refill": cycle.refill.reference if cycle.refill else None,
    }
