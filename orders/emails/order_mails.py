"""Mails about one order."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from catalog import usage
from catalog.cautions import cautions_for
from orders import addresses, links, supplies, terms
from orders.models import Order, OrderLineComponent, StripeRefund
from orders.models.cart import interval_in_words
from shop.mail import languages
from shop.mail.outbox import Letter
from shop.money import format_money

_in_the_orders_language = languages.spoken_by(lambda order: order.locale)


@_in_the_orders_language
def order_confirmation(order: Order) -> Letter:
    """The order is paid: what was bought, where it goes, how to use it, and the terms it was bought under."""
    units = supplies.units_of(order)
    products = list(dict.fromkeys(variant.product for variant in units))
    known = _bought_before(order)
    codes = [code for product in products for code in product.caution_codes]
    seller = terms.seller_of(order)
    context = {
        **_about(order),
        "guides": [(row, usage.guides_for(row)) for row in products if row.pk not in known],
        "cautions": [caution.text for caution in cautions_for(dict.fromkeys(codes))],
        "supplies": supplies.supplies_of(order, units),
        "terms": terms.sections(seller, version=order.terms_version),
        "seller": seller,
    }
    subject = _("Your order %(reference)s is confirmed") % {"reference": _named(order)}
    return _letter(order, "order_confirmation", subject, context)


@_in_the_orders_language
def payment_failed(order: Order) -> Letter:
    """The card was declined and nobody has paid since: the goods wait a little longer."""
    until = ""
    if order.hold_expires_at is not None:
        local = timezone.localtime(order.hold_expires_at, ZoneInfo(settings.SHOP_TIME_ZONE))
        until = date_format(local, "j F, H:i T")
    context = {**_about(order), "held_until": until}
    subject = _("The payment of your order %(reference)s did not go through") % {"reference": _named(order)}
    return _letter(order, "payment_failed", subject, context)


@_in_the_orders_language
def paid_too_late(order: Order) -> Letter:
    """The money came after the goods were gone: all of it goes back."""
    subject = _("Order %(reference)s: sold out, your money is on its way back") % {"reference": _named(order)}
    return _letter(order, "paid_too_late", subject, _about(order))


@_in_the_orders_language
def refund_sent(order: Order, refund: StripeRefund) -> Letter:
    """A refund went through."""
    amount = format_money(refund.amount, refund.currency)
    context = {**_about(order), "amount": amount}
    facts = {"amount": amount, "reference": _named(order)}
    subject = _("Refund of %(amount)s for order %(reference)s") % facts
    return _letter(order, "refund", subject, context, occasion=f"refund-{refund.pk}")


def staff_review(order: Order, reason: str) -> Letter:
    """Staff have to look at an order."""
    context = {**_about(order), "reason": reason}
    subject = f"Order {_named(order)} needs a look"
    letter = _letter(order, "staff_review", subject, context, occasion=reason[:80])
    return replace(letter, locale=settings.LANGUAGE_CODE)


def _named(order: Order) -> str:
    """Return the reference as every subject carries it, so that mail programs can be searched for it."""
    return f"[{order.reference}]"


def _bought_before(order: Order) -> set[int]:
    """Return products that an earlier paid order to this address held: their directions were sent then."""
    earlier = OrderLineComponent.objects.filter(
        line__order__email=order.email, line__order__paid_at__isnull=False, line__order__pk__lt=order.pk
    )
    return set(earlier.values_list("variant__product_id", flat=True))


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


def _about(order: Order) -> dict[str, object]:
    def show(amount: int) -> str:
        return format_money(amount, order.currency)

    lines = list(order.lines.all())
    rows = [
        {
            "name": f"{line.product_name}, {line.variant_name}",
            "quantity": line.quantity,
            "amount": show(line.full_amount),
            "refill": interval_in_words(line.refill_count, line.refill_unit),
        }
        for line in lines
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
        "tax_name": next((line.tax_name for line in lines if line.tax_name), _("Tax")),
        "total": show(order.total),
        "address": addresses.lines(order.shipping_address, locale=order.locale),
        "url": links.order_url(order),
    }
