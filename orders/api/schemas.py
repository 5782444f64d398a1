"""Shapes of what goes in and out. Input serializers check shape; verbs decide."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.carts import MAX_CODES
from orders.models import Invoice, Order
from orders.models.cart import RefillUnit
from shop.api.fields import (
    MoneySerializer,
    NamingChoiceField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from shop.api.pagination import PageOut

# A line holds at most 99 pieces; what is beyond belief is refused by shape already.
MAX_INTEGER = 1_000_000


class CountryField(serializers.RegexField):
    """A country's code in any case; read as capitals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[A-Za-z]{2}\Z", help_text="ISO 3166-1 alpha-2.", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).upper()


class AddressSerializer(StrictSerializer):
    name = StrictCharField(max_length=120)
    company = StrictCharField(max_length=120, required=False, allow_blank=True)
    line1 = StrictCharField(max_length=200)
    line2 = StrictCharField(max_length=200, required=False, allow_blank=True)
    city = StrictCharField(max_length=120)
    region = StrictCharField(
        max_length=60, required=False, allow_blank=True, help_text="State or province; needed for the US."
    )
    postal_code = StrictCharField(max_length=20, required=False, allow_blank=True)
    country = CountryField()
    phone = StrictCharField(max_length=32, required=False, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        for name, text in value.items():
            if any(ord(character) < 32 for character in text):
                raise serializers.ValidationError({name: ["One line, without control characters."]})
        return value


class RefillSerializer(StrictSerializer):
    unit = NamingChoiceField(choices=RefillUnit.choices)
    count = StrictIntegerField(min_value=1, max_value=366)


class CartCreateSerializer(StrictSerializer):
    country = CountryField(required=False)
    currency = NamingChoiceField(choices=settings.SUPPORTED_CURRENCIES, required=False)


class CartChangeSerializer(CartCreateSerializer):
    email = serializers.EmailField(max_length=254, required=False)
    locale = serializers.RegexField(r"^[a-z]{2}(-[a-z]{2})?\Z", required=False)
    shipping_address = AddressSerializer(required=False, allow_null=True)
    billing_address = AddressSerializer(required=False, allow_null=True)
    shipping_method = StrictCharField(max_length=40, required=False, allow_blank=True)
    discount_codes = serializers.ListField(
        child=StrictCharField(max_length=40),
        max_length=MAX_CODES,
        required=False,
        help_text="All codes of the cart, in any case, with or without hyphens. [] takes them out.",
    )


class LineCreateSerializer(StrictSerializer):
    sku = StrictCharField(max_length=32)
    quantity = StrictIntegerField(min_value=1, max_value=MAX_INTEGER)
    refill = RefillSerializer(required=False, allow_null=True)


class LineChangeSerializer(StrictSerializer):
    quantity = StrictIntegerField(min_value=1, max_value=MAX_INTEGER, required=False)
    refill = RefillSerializer(required=False, allow_null=True)


@extend_schema_field({"type": "integer", "description": "Minor units, as the cart's totals.total.amount."})
class TotalField(StrictIntegerField):
    """The total that the customer saw: minor units, or the money object of the cart as it came."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, dict) and set(data) <= {"amount", "currency", "formatted"}:
            data = data.get("amount")
        return super().to_internal_value(data)


class ConsentsSerializer(StrictSerializer):
    terms = StrictBooleanField()
    refill = StrictBooleanField(required=False, default=False)


class CheckoutSerializer(StrictSerializer):
    expected_total = TotalField(min_value=0, max_value=10**12)
    consents = ConsentsSerializer()


class NothingSerializer(StrictSerializer):
    """No body, or an empty one."""


class ReasonSerializer(StrictSerializer):
    reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class WithdrawalSerializer(StrictSerializer):
    name = StrictCharField(max_length=120, required=False, allow_blank=True, default="")
    statement = StrictCharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        help_text="In the customer's own words.",
    )


class OrderListQuery(serializers.Serializer):
    status = serializers.ChoiceField(choices=Order.Status.choices, required=False)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices, required=False)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices, required=False)


# --- answers (documentation; the views build plain dicts) ---------------------------------------------------


class RefillOut(serializers.Serializer):
    unit = serializers.ChoiceField(choices=RefillUnit.choices)
    count = serializers.IntegerField()


class ProblemOut(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()
    sku = serializers.CharField(allow_blank=True)
    discount_code = serializers.CharField(allow_blank=True)


class DiscountOut(serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment] # a field of this name is declared here
    code = serializers.CharField(allow_blank=True, help_text="Empty: nobody had to enter one.")
    amount = MoneySerializer(help_text="Off the goods and off delivery together.")


class CartLineOut(serializers.Serializer):
    id = serializers.IntegerField()
    sku = serializers.CharField()
    product = serializers.CharField(help_text="The product's slug.")
    product_name = serializers.CharField()
    variant_name = serializers.CharField()
    quantity = serializers.IntegerField()
    refill = RefillOut(allow_null=True)
    list_price = MoneySerializer(allow_null=True)
    price = MoneySerializer(allow_null=True)
    unit_price = serializers.CharField(allow_blank=True, help_text="After discounts.")
    discount = MoneySerializer(allow_null=True, help_text="This line's share of the discounts.")
    total = MoneySerializer(allow_null=True, help_text="After discounts.")


class TotalsOut(serializers.Serializer):
    items = MoneySerializer()
    discount = MoneySerializer(help_text="Off the goods.")
    shipping = MoneySerializer(help_text="What is paid for delivery, after discounts.")
    shipping_discount = MoneySerializer()
    tax = MoneySerializer()
    total = MoneySerializer()
    tax_included = serializers.BooleanField()


class AddressOut(serializers.Serializer):
    name = serializers.CharField()
    company = serializers.CharField(allow_blank=True)
    line1 = serializers.CharField()
    line2 = serializers.CharField(allow_blank=True)
    city = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    postal_code = serializers.CharField(allow_blank=True)
    country = serializers.CharField()
    phone = serializers.CharField(allow_blank=True)


class HintOut(serializers.Serializer):
    field = serializers.CharField(help_text="Such as `shipping_address.postal_code`.")
    code = serializers.CharField()
    detail = serializers.CharField()


class CartOut(serializers.Serializer):
    id = serializers.CharField(help_text="Unguessable: whoever has it has the cart.")
    email = serializers.CharField(allow_blank=True)
    country = serializers.CharField()
    currency = serializers.CharField()
    locale = serializers.CharField()
    shipping_address = AddressOut(allow_null=True)
    billing_address = AddressOut(allow_null=True)
    shipping_method = serializers.CharField(allow_blank=True)
    discount_codes = serializers.ListField(child=serializers.CharField())
    lines = CartLineOut(many=True)
    discounts = DiscountOut(many=True, help_text="In the order in which they are taken off.")
    totals = TotalsOut()
    problems = ProblemOut(many=True, help_text="What keeps this cart from being ordered.")
    hints = HintOut(many=True, help_text="What looks odd about an address. Ask; it can be ordered as it is.")


class ShippingMethodOut(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    price = MoneySerializer()
    free_over = MoneySerializer(allow_null=True)
    transit_days = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)


class ShippingMethodsOut(serializers.Serializer):
    results = ShippingMethodOut(many=True)


class OrderLineOut(serializers.Serializer):
    sku = serializers.CharField()
    product_name = serializers.CharField()
    variant_name = serializers.CharField()
    quantity = serializers.IntegerField()
    price = MoneySerializer()
    unit_price = serializers.CharField(allow_blank=True, help_text="After discounts.")
    discount = MoneySerializer(help_text="This line's share of the discounts.")
    total = MoneySerializer(help_text="After discounts.")
    tax_rate = serializers.CharField()
    refill = RefillOut(allow_null=True)


class OrderShippingOut(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    transit_days = serializers.ListField(child=serializers.IntegerField())


class WithdrawalOut(serializers.Serializer):
    reference = serializers.CharField(help_text="The receipt's number.")
    received_at = serializers.DateTimeField()
    email = serializers.CharField(help_text="Where the receipt went to.")
    statement = serializers.CharField()


class DocumentOut(serializers.Serializer):
    kind = serializers.ChoiceField(
        choices=Invoice.Kind.choices,
        help_text="A cancellation takes back a credit note whose refund did not go through.",
    )
    code = serializers.CharField(help_text="Its number, without gaps in its series.")
    issued_at = serializers.DateTimeField()
    total = MoneySerializer()
    url = serializers.CharField(help_text="The PDF, for the holder of the order.")


class ShipmentOut(serializers.Serializer):
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=["packed", "dispatched", "delivered", "lost", "returned"])
    carrier = serializers.CharField(allow_blank=True)
    tracking_number = serializers.CharField(allow_blank=True)
    tracking_url = serializers.CharField(allow_blank=True)
    dispatched_at = serializers.DateTimeField(allow_null=True)


class OrderOut(serializers.Serializer):
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=Order.Status.choices)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices)
    is_test = serializers.BooleanField()
    email = serializers.CharField()
    currency = serializers.CharField()
    lines = OrderLineOut(many=True)
    discounts = DiscountOut(many=True)
    totals = TotalsOut()
    shipping_address = AddressOut()
    billing_address = AddressOut()
    shipping = OrderShippingOut()
    shipments = ShipmentOut(many=True, help_text="Parcels, in the order of packing.")
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    documents = DocumentOut(many=True, help_text="Invoices and credit notes.")
    pay_before = serializers.DateTimeField(allow_null=True, help_text="The stock is held until then.")


class OrderItemOut(serializers.Serializer):
    sku = serializers.CharField()
    product_name = serializers.CharField()
    variant_name = serializers.CharField()
    quantity = serializers.IntegerField()


class CardOut(serializers.Serializer):
    id = serializers.CharField()
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField()
    exp_year = serializers.IntegerField()


class OrderSummaryOut(serializers.Serializer):
    reference = serializers.CharField()
    status = serializers.ChoiceField(choices=Order.Status.choices)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices)
    is_test = serializers.BooleanField()
    total = MoneySerializer()
    items = OrderItemOut(many=True)
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class OrderPageOut(PageOut):
    results = OrderSummaryOut(many=True)


class ReorderOut(CartOut):
    left_out = ProblemOut(many=True, help_text="What could not be put into the cart, and why.")


class PaymentOut(serializers.Serializer):
    kind = serializers.ChoiceField(
        choices=["elements", "none"], help_text="`none`: there was nothing to pay, the order is placed."
    )
    client_secret = serializers.CharField(
        required=False, help_text="For stripe.js: what a browser needs to pay."
    )
    publishable_key = serializers.CharField(required=False)


class CheckoutOut(OrderOut):
    token = serializers.CharField(help_text="For `Authorization: OrderToken …`.")
    url = serializers.CharField(help_text="The order's page, by its signed link.")
    payment = PaymentOut()


class PaymentAnswerOut(serializers.Serializer):
    reference = serializers.CharField()
    payment = PaymentOut()
