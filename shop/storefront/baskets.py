"""Which cart is this visitor's: its token travels in a signed cookie that scripts cannot read."""

from datetime import datetime

from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse

from orders import carts
from orders.models import Cart, Order
from shop.accounts.models import User
from shop.storefront import markets
from shop.storefront.markets import Market

COOKIE = "cart"
COOKIE_SALT = "storefront.cart"
COOKIE_AGE_S = 60 * 24 * 3600
_KEPT = "_storefront_cart"


def token_of(request: HttpRequest) -> str:
    """Return the token in the visitor's cookie, or "" for none that we signed."""
    return request.get_signed_cookie(COOKIE, default="", salt=COOKIE_SALT, max_age=COOKIE_AGE_S) or ""


def open_cart(request: HttpRequest) -> Cart | None:
    """Return the visitor's cart while it is not ordered, by their cookie or their account. One query per
    request for a visitor, two at most for a customer.
    """
    if not hasattr(request, _KEPT):
        token, user = token_of(request), user_of(request)
        rows = Cart.objects.annotate(pieces=Sum("lines__quantity")).filter(order__isnull=True)
        found = rows.filter(token=token).first() if token else None
        if found is None and user is not None:
            # Filled on another device, or joined with another cart there.
            found = rows.filter(user=user).order_by("-updated_at", "-pk").first()
        setattr(request, _KEPT, found)
    return getattr(request, _KEPT)


def open_or_new_cart(request: HttpRequest, *, at: datetime) -> Cart:
    """Return the visitor's cart to put something in; the caller remembers it on its response."""
    found = open_cart(request)
    if found is not None:
        return found
    market = markets.chosen(request)
    return carts.create(at=at, user=user_of(request), country=market.country, currency=market.currency)


def remember(response: HttpResponse, cart: Cart) -> None:
    """Keep the cart's token in the visitor's cookie."""
    response.set_signed_cookie(
        COOKIE,
        cart.token,
        salt=COOKIE_SALT,
        max_age=COOKIE_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def pieces_in(request: HttpRequest) -> int:
    """Return how many pieces lie in the visitor's cart."""
    found = open_cart(request)
    return int(getattr(found, "pieces", None) or 0)


def market_of(request: HttpRequest) -> Market:
    """Return the market of the visitor's cart, or the one that was chosen without a cart."""
    found = open_cart(request)
    return Market(found.country, found.currency) if found else markets.chosen(request)


def unpaid_order(request: HttpRequest) -> Order | None:
    """Return the order that the visitor's cart has become, while it waits for payment."""
    token = token_of(request)
    waiting = Order.objects.filter(status=Order.Status.PENDING, cart__token=token)
    return waiting.first() if token else None


def user_of(request: HttpRequest) -> User | None:
    """Return who is signed in, if anybody is."""
    return request.user if isinstance(request.user, User) else None


def signed_in(request: HttpRequest) -> User:
    """Return the customer whose page this is; the page itself lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user
