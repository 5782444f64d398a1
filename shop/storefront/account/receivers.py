"""Signing in: what the visitor had in the cart, and what the account had, become one."""

from typing import Any

from allauth.account.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from orders import cart_merging
from shop.accounts.models import User
from shop.clock import reading
from shop.storefront import baskets


@receiver(user_logged_in, dispatch_uid="storefront.merge_carts")
def merge_carts(request: HttpRequest, user: User, **_: Any) -> None:
    """Somebody signed in on our pages, or by the API from a browser that has a cart of ours."""
    cart_merging.merge(baskets.token_of(request), user, at=reading.now())
