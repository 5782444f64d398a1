"""Records of carts, orders, money and refills."""

from orders.models.books import Payout, PayoutLine, ReconciliationDifference, ReconciliationRun
from orders.models.bulk_change import BulkChange, BulkChangeRow
from orders.models.cart import Cart, CartLine
from orders.models.customer import CardSetup, Consent, Customer, SavedCard
from orders.models.discount import Discount, DiscountAmount, DiscountCode, OrderDiscount
from orders.models.dispute import Dispute, FraudWarning
from orders.models.goods_return import Return, ReturnFinding, ReturnLine, Withdrawal
from orders.models.invoice import Invoice, InvoiceSeries
from orders.models.order import Order, OrderEvent, OrderLine, OrderLineComponent
from orders.models.payment import Payment, PaymentAttempt, RefundLine, StripeRefund, WebhookEvent
from orders.models.price_rise import PriceRise
from orders.models.recall import RecallNotice
from orders.models.refill_breaker import RefillBreaker
from orders.models.refill_extra import RefillExtra
from orders.models.region import SellerIdentity, ShippingMethod, ShippingRate, ShippingZone, TaxRate
from orders.models.shipment import Shipment, ShipmentLine
from orders.models.subscription import BillingCycle, Deployment, Refill, RefillItem, Subscription
from orders.models.subscription_event import SubscriptionEvent

__all__ = [
    "BillingCycle",
    "BulkChange",
    "BulkChangeRow",
    "CardSetup",
    "Cart",
    "CartLine",
    "Consent",
    "Customer",
    "Deployment",
    "Discount",
    "DiscountAmount",
    "DiscountCode",
    "Dispute",
    "FraudWarning",
    "Invoice",
    "InvoiceSeries",
    "Order",
    "OrderDiscount",
    "OrderEvent",
    "OrderLine",
    "OrderLineComponent",
    "Payment",
    "PaymentAttempt",
    "Payout",
    "PayoutLine",
    "PriceRise",
    "RecallNotice",
    "ReconciliationDifference",
    "ReconciliationRun",
    "Refill",
    "RefillBreaker",
    "RefillExtra",
    "RefillItem",
    "RefundLine",
    "Return",
    "ReturnFinding",
    "ReturnLine",
    "SavedCard",
    "SellerIdentity",
    "Shipment",
    "ShipmentLine",
    "ShippingMethod",
    "ShippingRate",
    "ShippingZone",
    "StripeRefund",
    "Subscription",
    "SubscriptionEvent",
    "TaxRate",
    "WebhookEvent",
    "Withdrawal",
]
