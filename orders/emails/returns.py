"""Mails about orders that end, withdrawals and goods that come back."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from django.conf import settings
from django.utils.translation import gettext as _

from orders import links, terms
from orders.models import Order, Return, ReturnFinding, StripeRefund, Withdrawal
from shop.mail.outbox import Letter
from shop.money import format_money


def order_cancelled(order: Order, refund: StripeRefund | None, *, refills_ended: bool) -> Letter:
    """A paid order was cancelled before it left: what goes back, and what becomes of its refills."""
    context: dict[str, object] = {
        "amount": format_money(refund.amount, refund.currency) if refund is not None else "",
        "refills_ended": refills_ended,
        "refills_go_on": order.origin == Order.Origin.REFILL,
    }
    return _letter(order, "order_cancelled", _("Your order [%(reference)s] is cancelled"), context)


def withdrawal_receipt(withdrawal: Withdrawal) -> Letter:
    """The acknowledgement that a statement was received, with its words and its time. It says nothing of
    whether there is such an order: the address is the one that was given.
    """
    subject = _("We have received your withdrawal [%(reference)s]") % {"reference": withdrawal.reference}
    return Letter(
        kind="withdrawal_receipt",
        subject_key=f"withdrawal:{withdrawal.reference}",
        occasion="",
        subject=subject,
        template="orders/mail/withdrawal_receipt",
        context={"withdrawal": withdrawal, "received": moment(withdrawal.received_at, withdrawal.locale)},
        locale=withdrawal.locale,
    )


def return_expected(goods_return: Return) -> Letter:
    """A return was opened: what comes back, where to, and what to write on the box."""
    order = goods_return.order
    seller = terms.seller_of(order)
    to = [seller.legal_name, *seller.address.splitlines()] if seller is not None else []
    context = {"goods_return": goods_return, "rows": _pieces(goods_return), "to": to}
    subject = _("Sending back something of your order [%(reference)s]")
    return _letter(order, "return_expected", subject, context, occasion=goods_return.reference)


def return_received(goods_return: Return) -> Letter:
    """Goods came back and were looked at: what was found and what goes back for it."""
    refund = goods_return.refund
    words = {
        ReturnFinding.Outcome.SEALED: _("sealed"),
        ReturnFinding.Outcome.OPENED: _("opened"),
        ReturnFinding.Outcome.LOST: _("not in the parcel"),
    }
    rows = [
        {
            "quantity": row.quantity,
            "name": f"{row.component.variant.product.name}, {row.component.variant.name}",
            "outcome": words[ReturnFinding.Outcome(row.outcome)],
        }
        for row in goods_return.findings.all()
    ]
    context = {
        "goods_return": goods_return,
        "rows": rows,
        "amount": format_money(refund.amount, refund.currency) if refund is not None else "",
    }
    subject = _("We have looked at what you sent back [%(reference)s]")
    return _letter(goods_return.order, "return_received", subject, context, occasion=goods_return.reference)


def moment(at: datetime, locale: str) -> str:
    """Return an instant by the shop's own clock, its zone named: 23 November 2026 at 10:05:09 GMT."""
    local = at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE))
    return format_datetime(local, "d MMMM y, HH:mm:ss z", locale=locale.replace("-", "_"))


def _pieces(goods_return: Return) -> list[dict[str, object]]:
    return [
        {"quantity": row.quantity, "name": f"{row.order_line.product_name}, {row.order_line.variant_name}"}
        for row in goods_return.lines.all()
    ]


def _letter(
    order: Order, kind: str, subject: str, context: dict[str, object], *, occasion: str = ""
) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"order:{order.reference}",
        occasion=occasion,
        subject=subject % {"reference": order.reference},
        template=f"orders/mail/{kind}",
        context={"order": order, "is_test": order.is_test, "url": links.order_url(order), **context},
        locale=order.locale,
    )
