"""Mails about one order."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.utils.translation import gettext as _

from catalog import usage
from catalog.cautions import cautions_for
from catalog.models import Variant
from orders import addresses, links
from orders.models import Order, OrderLineComponent, StripeRefund
from orders.models.cart import interval_in_words
from shop.mail.outbox import Letter
from shop.money import format_money


def order_confirmation(order: Order) -> Letter:
    """The order is paid: what was bought, where it goes, how to use it, and the terms it was bought under."""
    parts = OrderLineComponent.objects.filter(line__order=order).select_related("variant__product")
    products = {part.variant.product.pk: part.variant.product for part in parts}
    guides = [(product, usage.guides_for(product)) for product in products.values()]
    codes = [code for product in products.values() for code in product.caution_codes]
    context = {
        **_about(order),
        "guides": guides,
        "cautions": [caution.text for caution in cautions_for(dict.fromkeys(codes))],
        "supplies": _supplies(order, parts),
    }
    return _letter(order, "order_confirmation", f"Your order [{order.reference}] is confirmed", context)


def paid_too_late(order: Order) -> Letter:
    """The money came after the goods were gone: all of it goes back."""
    subject = f"Order [{order.reference}]: sold out, your money is on its way back"
    return _letter(order, "paid_too_late", subject, _about(order))


def refund_sent(order: Order, refund: StripeRefund) -> Letter:
    """A refund went through."""
    amount = format_money(refund.amount, refund.currency)
    context = {**_about(order), "amount": amount}
    subject = f"Refund of {amount} for order [{order.reference}]"
    return _letter(order, "refund", subject, context, occasion=f"refund-{refund.pk}")


def staff_review(order: Order, reason: str) -> Letter:
    """Staff have to look at an order."""
    context = {**_about(order), "reason": reason}
    subject = f"Order [{order.reference}] needs a look"
    return _letter(order, "staff_review", subject, context, occasion=reason[:80])


def _letter(
    order: Order, kind: str, subject: str, context: dict[str, object], *, occasion: str = ""
) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"order:{order.reference}",
        occasion=occasion,
        subject=subject,
        template=f"orders/mail/{kind}",
        context=context,
        locale=order.locale,
    )


def _supplies(order: Order, parts: Iterable[OrderLineComponent]) -> list[tuple[str, date]]:
    """Return (what, about until when) for everything that is used up, opened on the day it should arrive."""
    if order.paid_at is None:
        return []
    arrives_on = order.paid_at.date() + timedelta(days=order.transit_days_max)
    quantities: dict[Variant, int] = {}
    for part in parts:
        quantities[part.variant] = quantities.get(part.variant, 0) + part.quantity
    found = []
    for variant, quantity in quantities.items():
        until = usage.lasts_until(variant, quantity, arrives_on)
        if until is not None:
            found.append((f"{quantity} × {variant.product.name}, {variant.name}", until))
    return found


def _about(order: Order) -> dict[str, object]:
    def show(amount: int) -> str:
        return format_money(amount, order.currency)

    rows = [
        {
            "name": f"{line.product_name}, {line.variant_name}",
            "quantity": line.quantity,
            "amount": show(line.full_amount),
            "refill": interval_in_words(line.refill_count, line.refill_unit),
        }
        for line in order.lines.all()
    ]
    return {
        "order": order,
        "is_test": order.is_test,
        "rows": rows,
        "shipping": show(order.shipping_price),
        "discounts": [
            {"label": taken.label, "code": taken.code, "amount": show(taken.saved)}
            for taken in (order.discounts.all() if order.is_discounted else ())
        ],
        "tax": show(order.tax_total) if order.tax_total else "",
        "tax_name": next((line.tax_name for line in order.lines.all() if line.tax_name), _("Tax")),
        "total": show(order.total),
        "address": addresses.lines(order.shipping_address, locale=order.locale),
        "url": links.order_url(order),
    }
