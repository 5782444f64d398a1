"""What the accounts library tells us, as calls of verbs."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.dispatch import receiver

from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading


@receiver(email_confirmed, dispatch_uid="accounts.note_verified")
def note_verified(email_address: EmailAddress, **_: Any) -> None:
    """An address was confirmed."""
    user = email_address.user
    assert isinstance(user, User)
    registration.note_verified(user, at=reading.now())
