"""What the accounts library tells us, as calls of verbs: guest orders are claimed."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed, user_logged_in
from django.dispatch import receiver

from orders import claims
from shop.accounts.models import User
from shop.clock import reading


@receiver(email_confirmed, dispatch_uid="orders.claim_confirmed")
def claim_confirmed(email_address: EmailAddress, **_: Any) -> None:
    """An address was confirmed: what was ordered with it is its owner's."""
    user = email_address.user
    assert isinstance(user, User)
    claims.claim(user, at=reading.now())


@receiver(user_logged_in, dispatch_uid="orders.claim_at_login")
def claim_at_login(user: User, **_: Any) -> None:
    """Somebody signed in: perhaps they ordered as a guest since the last time."""
    claims.claim(user, at=reading.now())
