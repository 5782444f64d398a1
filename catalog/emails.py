"""Mails of the catalogue: words only, the outbox sends them."""

from datetime import datetime

from django.utils.translation import gettext as _

from catalog import links
from catalog.models import ProductImage, StockRequest
from shop.images import showing
from shop.mail.outbox import Letter

BACK_IN_STOCK = "back_in_stock"


def confirm_back_in_stock(request: StockRequest, *, at: datetime, picture: ProductImage | None) -> Letter:
    """Ask the owner of an address whether they want to be told. At most one such mail a day."""
    return Letter(
        kind="back_in_stock_confirm",
        subject_key=_key(request),
        occasion=at.date().isoformat(),
        subject=_("Shall we tell you when it is back?"),
        template="catalog/mail/back_in_stock_confirm",
        context={**_about(request, picture), "url": links.confirm_url(request)},
    )


def back_in_stock(request: StockRequest, *, picture: ProductImage | None) -> Letter:
    """It can be bought again: the one mail that was asked for."""
    product = request.variant.product
    return Letter(
        kind=BACK_IN_STOCK,
        subject_key=_key(request),
        occasion=f"try-{request.tries}",
        subject=_("Back in stock: %(name)s") % {"name": product.name},
        template="catalog/mail/back_in_stock",
        context={
            **_about(request, picture),
            "url": links.product_url(product, request.variant.sku),
            "stop_url": links.stop_url(request),
        },
    )


def request_id_of(subject_key: str) -> int:
    """Return the id of the request that a mail is about."""
    return int(subject_key.partition(":")[2])


def _key(request: StockRequest) -> str:
    return f"stock-request:{request.pk}"


def _about(request: StockRequest, picture: ProductImage | None) -> dict[str, object]:
    variant = request.variant
    return {
        "name": variant.product.name,
        "size": variant.name,
        "picture": showing.absolute(picture.renditions[-1]["name"]) if picture else "",
        "alt": picture.alt if picture else "",
    }
