"""The next charge of a subscription, as staff read it."""

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orders.admin import looks
from orders.models import Refill, Subscription
from orders.subscriptions.outlook import Outlook
from shop.admin import when
from shop.money import format_money


def charge(row: Subscription, found: Outlook) -> SafeString | str:
    """Return what is charged next, when, for what, and the most that its owner was told."""
    lines = [*_amount(found), *_contents(row, found), *_notice(found)]
    if not lines:
        return "Nothing is charged."
    return format_html_join("", "{}<br>", ((line,) for line in lines))


def _amount(found: Outlook) -> list[str | SafeString]:
    refill = found.refill
    if refill is not None and refill.order is not None:
        total = format_money(refill.order.total, refill.order.currency)
        address = reverse("admin:orders_order_change", args=[refill.order_id])
        link = format_html('<a class="underline" href="{}">order {}</a>', address, refill.order.reference)
        return [format_html("{}: {}, its total stands.", link, total)]
    if found.quote is None:
        return []
    total = format_money(found.quote.total, found.quote.currency)
    shipping = format_money(found.quote.shipping_amount, found.quote.currency)
    tax = format_money(found.quote.tax_total, found.quote.currency)
    part = "with" if found.quote.tax_included else "plus, in the total,"
    return [f"{total} ({shipping} of it shipping, {part} {tax} tax), tried on {when(found.charge_at)}"]


def _contents(row: Subscription, found: Outlook) -> list[str]:
    if not found.items:
        return []
    held = ", ".join(looks.units(item.quantity, item.variant.sku) for item in found.items)
    return [f"For {held}, charged to {row.card or 'no card'}"]


def _notice(found: Outlook) -> list[str | SafeString]:
    refill = found.refill
    if refill is None:
        return ["Not announced yet."] if found.quote is not None else []
    if refill.asked_at is not None:
        return ["Its owner asked for it at once: no notice is waited for."]
    ceiling = format_money(refill.quoted_total or 0, refill.currency)
    told = when(refill.notice.sent_at) if _is_told(refill) and refill.notice else "not sent yet"
    return [f"At most {ceiling}, as its notice says ({told})."]


def _is_told(refill: Refill) -> bool:
    return refill.notice is not None and refill.notice.sent_at is not None
