"""Accounts and the addresses that prove whose they are."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from shop.accounts.models import User


def verified_emails(user: User) -> list[str]:
    """Return the addresses that this user has proved to be theirs, in lower case."""
    rows = EmailAddress.objects.filter(user=user, verified=True).order_by("pk")
    return [email.lower() for email in rows.values_list("email", flat=True)]


def note_verified(user: User, *, at: datetime) -> None:
    """Remember when a user proved an address. Called when the library has taken the proof."""
    User.objects.filter(pk=user.pk).update(email_verified_at=at)
    user.email_verified_at = at


@transaction.atomic
def vouch_for(user: User, *, at: datetime) -> None:
    """Take a user's address as proved without a mail: for accounts that staff or a command make."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    note_verified(user, at=at)
