"""Signed links of back-in-stock mails: whoever reads the mail may answer, nobody else."""

from django.conf import settings
from django.core import signing

from catalog.models import Product, StockRequest
from shop.exceptions import NotFound

_SALT = "catalog.stock_request"


def request_token(request: StockRequest) -> str:
    """Return the token that answers for one request, as long as its row is kept: that is when it ends."""
    return signing.Signer(salt=_SALT).sign_object(request.pk)


def confirm_url(request: StockRequest) -> str:
    return f"{settings.BASE_URL}/back-in-stock/{request_token(request)}"


def stop_url(request: StockRequest) -> str:
    return f"{confirm_url(request)}/stop"


def product_url(product: Product, sku: str = "") -> str:
    """Return the page of a product, with one of its sizes chosen."""
    page = f"{settings.BASE_URL}/products/{product.slug}"
    return f"{page}?size={sku}" if sku else page


def request_id_of(token: str) -> int:
    """Return the id of the request that a token names.

    :raises NotFound: if it was not signed by us.
    """
    try:
        return int(signing.Signer(salt=_SALT).unsign_object(token))
    except signing.BadSignature as error:
        raise NotFound("This link is not valid any more.") from error
