"""The terms of sale, one wording for the page and for the copy that every confirmation carries.

A version that was agreed to is never edited: changed words are a new version beside it, and TERMS_VERSION
names the one that holds now. Source: Directive 2011/83/EU, articles 6, 8(7) and annex I.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from orders.models import Order, SellerIdentity, ShippingZone


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the terms: `anchor` is its address on the page, a paragraph is one line of plain text."""

    anchor: str
    title: str
    paragraphs: Sequence[str]


def sections(seller: SellerIdentity | None, *, version: str = "") -> list[Section]:
    """Return the terms of a version, of the present one if it is unknown, in the language spoken now."""
    write = VERSIONS.get(version) or VERSIONS[settings.TERMS_VERSION]
    return write(seller)


def seller_of(order: Order) -> SellerIdentity | None:
    """Return who sold an order: whoever answers for the goods in its region. One query."""
    regions = ShippingZone.objects.filter(code=order.shipping_zone).values("regulatory_region")
    return SellerIdentity.objects.filter(region__in=regions).first()


def _in_november_2026(seller: SellerIdentity | None) -> list[Section]:
    return [_sale(seller), _refills(), _withdrawal(seller), _model_form(seller)]


def _sale(seller: SellerIdentity | None) -> Section:
    who = _("You buy from the shop named in your order confirmation.")
    if seller is not None:
        who = _("You buy from %(name)s, %(address)s (%(email)s).") % _facts(seller)
    return Section(
        "terms",
        _("Terms of sale"),
        [
            who,
            _(
                "The contract is made when you press the order button and your payment has gone through. We "
                "keep a copy of what was agreed and send it to you by e-mail."
            ),
            _(
                "Prices in pounds and euros include VAT. Prices in US dollars do not include sales tax; it "
                "is added at the checkout where it is due. What delivery costs and how long it takes is "
                "shown before you order."
            ),
        ],
    )


def _refills() -> Section:
    return Section(
        "refills",
        _("Refills"),
        [
            _(
                "A refill is sent and charged at the interval that you chose, until you cancel. Before every "
                "charge we tell you the total by e-mail, and we never charge more than we told you. You can "
                "skip, pause, change or cancel by answering that mail, without giving a reason."
            )
        ],
    )


def _withdrawal(seller: SellerIdentity | None) -> Section:
    where = _("write to us with your order number.")
    if seller is not None:
        where = _("write to us at %(email)s with your order number.") % _facts(seller)
    return Section(
        "withdrawal",
        _("Right of withdrawal and returns"),
        [
            _("You may withdraw within 14 days of the day the parcel reached you, without a reason:")
            + " "
            + where,
            _(
                "Send the goods back within 14 days after that; we pay back what you paid, standard delivery "
                "included, by the way you paid. You may use the form below, but you need not."
            ),
            _(
                "Packs whose seal you have opened cannot come back, for hygiene. If something arrives "
                "damaged, or is not what you ordered, that does not matter: write to us and we put it right."
            ),
        ],
    )


def _model_form(seller: SellerIdentity | None) -> Section:
    facts = _facts(seller) if seller else {"name": settings.SHOP_NAME, "address": "", "email": ""}
    to = ", ".join(part for part in (facts["name"], facts["address"], facts["email"]) if part)
    return Section(
        "withdrawal-form",
        _("Withdrawal form"),
        [
            _("Fill this in and send it back only if you want to withdraw."),
            _("To: %(to)s") % {"to": to},
            _("I withdraw from my contract for the sale of these goods: …"),
            _("Ordered on … / received on …, order number …"),
            _("Name and address: …"),
            _("Date, and signature if this is on paper: …"),
        ],
    )


def _facts(seller: SellerIdentity) -> dict[str, str]:
    return {
        "name": seller.legal_name,
        "address": ", ".join(seller.address.splitlines()),
        "email": seller.email,
    }


VERSIONS: dict[str, Callable[[SellerIdentity | None], list[Section]]] = {"2026-11": _in_november_2026}
