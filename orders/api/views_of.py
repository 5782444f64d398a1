"""Records as JSON: what the API shows of carts and orders."""

from typing import Any

from django.conf import settings

from catalog import pricing
from orders import address_hints, links
from orders.carts import CartView, Problem
from orders.models import CartLine, Invoice, Order, OrderLine, SavedCard, Shipment
from orders.shipping import ShippingOption
from orders.stripe_gateway import Intent
from orders.totals import QuotedLine
from shop.api.fields import money


def cart(found: CartView) -> dict[str, Any]:
    """Return a cart with full totals and what is wrong with it."""
    row, quote = found.cart, found.quote
    by_line = dict(zip(_priced_lines(found), quote.lines, strict=True))
    return {
        "id": row.token,
        "email": row.email,
        "country": row.country,
        "currency": row.currency,
        "locale": row.locale,
        "shipping_address": row.shipping_address or None,
        "billing_address": row.billing_address or None,
        "shipping_method": row.shipping_method,
        "discount_codes": row.discount_codes,
        "lines": [_cart_line(line, by_line.get(line.pk), row.currency) for line in found.lines],
        "discounts": [
            _discount(taken.label, taken.code, taken.saved, row.currency) for taken in quote.reductions
        ],
        "totals": _totals(
            row.currency,
            items=quote.items_total,
            discount=quote.discount_total,
            shipping=quote.shipping_amount,
            shipping_discount=quote.shipping_discount,
            tax=quote.tax_total,
            total=quote.total,
            tax_included=quote.tax_included,
        ),
        "problems": [problem(one) for one in found.problems],
        "hints": [
            *_hints("shipping_address", row.shipping_address),
            *_hints("billing_address", row.billing_address),
        ],
    }


def _hints(where: str, address: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"field": f"{where}.{hint.field}", "code": hint.code, "detail": hint.detail}
        for hint in address_hints.hints(address)
    ]


def problem(found: Problem) -> dict[str, str]:
    """Return what is wrong with a cart, or with an item that was to go into one."""
    return {
        "code": found.code,
        "detail": found.detail,
        "sku": found.sku,
        "discount_code": found.discount_code,
    }


def shipping_option(option: ShippingOption) -> dict[str, Any]:
    """Return one way to ship."""
    currency = option.zone.currency
    return {
        "code": option.code,
        "name": option.name,
        "price": money(option.amount, currency),
        "free_over": None if option.free_over is None else money(option.free_over, currency),
        "transit_days": [option.transit_days_min, option.transit_days_max],
    }


def order_summary(row: Order) -> dict[str, Any]:
    """Return an order as a line of its holder's list. Expects `lines` prefetched."""
    return {
        **_standing(row),
        "total": money(row.total, row.currency),
        "items": [
            {
                "sku": line.sku,
                "product_name": line.product_name,
                "variant_name": line.variant_name,
                "quantity": line.quantity,
            }
            for line in row.lines.all()
        ],
        "placed_at": row.placed_at,
        "paid_at": row.paid_at,
    }


def order(row: Order) -> dict[str, Any]:
    """Return an order as its holder sees it. Expects `lines` prefetched; its parcels are one query more."""
    return {
        **_standing(row),
        "email": row.email,
        "currency": row.currency,
        "lines": [_order_line(line, row) for line in row.lines.all()],
        "discounts": [
            _discount(taken.label, taken.code, taken.saved, row.currency)
            for taken in (row.discounts.all() if row.is_discounted else ())
        ],
        "totals": _totals(
            row.currency,
            items=row.items_total,
            discount=row.discount_total,
            shipping=row.shipping_total,
            shipping_discount=row.shipping_discount,
            tax=row.tax_total,
            total=row.total,
            tax_included=row.tax_included,
        ),
        "shipping_address": row.shipping_address,
        "billing_address": row.billing_address,
        "shipping": {
            "code": row.shipping_method,
            "name": row.shipping_method_name,
            "transit_days": [row.transit_days_min, row.transit_days_max],
        },
        "shipments": [_shipment(parcel) for parcel in sent_of(row)],
        "placed_at": row.placed_at,
        "paid_at": row.paid_at,
        "documents": _documents(row),
        "pay_before": row.hold_expires_at if row.status == Order.Status.PENDING else None,
    }


def card(row: SavedCard) -> dict[str, Any]:
    """Return what may be shown of a saved card."""
    return {
        "id": row.stripe_payment_method_id,
        "brand": row.brand,
        "last4": row.last4,
        "exp_month": row.exp_month,
        "exp_year": row.exp_year,
    }


def _standing(row: Order) -> dict[str, Any]:
    return {
        "reference": row.reference,
        "status": row.status,
        "payment_status": row.payment_status,
        "fulfilment_status": row.fulfilment_status,
        "is_test": row.is_test,
    }


def sent_of(row: Order) -> list[Shipment]:
    """Return an order's parcels as its holder may see them, in the order of packing: none that was opened
    again. An order without money has none, and costs no query.
    """
    if not row.is_paid:
        return []
    parcels = sorted(row.shipments.all(), key=lambda parcel: parcel.pk)
    return [parcel for parcel in parcels if parcel.status != Shipment.Status.UNPACKED]


def _shipment(parcel: Shipment) -> dict[str, Any]:
    return {
        "reference": parcel.reference,
        "status": parcel.status,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "tracking_url": parcel.tracking_url,
        "dispatched_at": parcel.dispatched_at,
    }


def payment(intent: Intent | None) -> dict[str, str]:
    """Return what a browser needs to pay; nothing where there is nothing to pay."""
    if intent is None:
        return {"kind": "none"}
    return {
        "kind": "elements",
        "client_secret": intent.client_secret,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
    }


def access(row: Order) -> dict[str, str]:
    """Return the guest's proof of holding the order."""
    token = links.order_token(row)
    return {"token": token, "url": f"{settings.BASE_URL}/o/{token}"}


def _priced_lines(found: CartView) -> list[int]:
    """Ids of the lines that were priced, in the order of the quote."""
    unpriced = {problem.sku for problem in found.problems if problem.code == "not_priced"}
    return [line.pk for line in found.lines if line.variant.sku not in unpriced]


def _cart_line(line: CartLine, quoted: QuotedLine | None, currency: str) -> dict[str, Any]:
    variant = line.variant
    label = pricing.unit_price(quoted.amount, currency, variant, pieces=line.quantity) if quoted else None
    return {
        "id": line.pk,
        "sku": variant.sku,
        "product": variant.product.slug,
        "product_name": variant.product.name,
        "variant_name": variant.name,
        "quantity": line.quantity,
        "refill": _refill(line),
        "list_price": money(quoted.priced.list_unit_price, currency) if quoted else None,
        "price": money(quoted.priced.unit_price, currency) if quoted else None,
        "unit_price": label.label if label else "",
        "discount": money(quoted.discount, currency) if quoted else None,
        "total": money(quoted.amount, currency) if quoted else None,
    }


def _order_line(line: OrderLine, row: Order) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "product_name": line.product_name,
        "variant_name": line.variant_name,
        "quantity": line.quantity,
        "price": money(line.unit_price, row.currency),
        "unit_price": line.unit_price_label,
        "discount": money(line.discount, row.currency),
        "total": money(line.gross if row.tax_included else line.net, row.currency),
        "tax_rate": f"{line.tax_rate.normalize():f}",
        "refill": _refill(line),
    }


def _documents(row: Order) -> list[dict[str, Any]]:
    """Return an order's invoice and credit notes; an order without money has none, and costs no query."""
    if not row.is_paid:
        return []
    return [_document(invoice, row) for invoice in row.invoices.order_by("pk")]


def _document(invoice: Invoice, row: Order) -> dict[str, Any]:
    return {
        "kind": invoice.kind,
        "code": invoice.code,
        "issued_at": invoice.issued_at,
        "total": money(invoice.gross, invoice.currency),
        "url": f"{settings.BASE_URL}/api/v1/orders/{row.reference}/documents/{invoice.code}",
    }


def _discount(label: str, code: str, amount: int, currency: str) -> dict[str, Any]:
    return {"label": label, "code": code, "amount": money(amount, currency)}


def _refill(line: CartLine | OrderLine) -> dict[str, Any] | None:
    if line.refill_unit is None:
        return None
    return {"unit": line.refill_unit, "count": line.refill_count}


def _totals(currency: str, *, tax_included: bool, **amounts: int) -> dict[str, Any]:
    return {**{name: money(value, currency) for name, value in amounts.items()}, "tax_included": tax_included}
