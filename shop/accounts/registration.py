"""Accounts and the addresses that prove whose they are."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from shop.accounts.models import User


def verified_emails(user: User) -> list[str]:
    """Return the addresses that this user has proved to be theirs, in lower case."""
    rows = EmailAddress.objects.filter(user=user, verified=True).order_by("pk")
    return [email.lower() for email in rows.values_list("email", flat=True)]


def written_as(email: str, *, field: str = "email") -> Q:
    """Return the condition for rows of an address in whatever case, and of no other that looks like it.

    `iexact` compares capitals, and the capital of "ı" is "I": by itself it would hand what belongs to
    ada@gmail.com to whoever has proved to be ada@gmaıl.com. It stays beside, for its index.
    Source: https://www.unicode.org/reports/tr36/#Case_Folding
    """
    return Q(**{f"{field}__iexact": email}) & Q(Exact(Lower(field), Value(email.lower())))


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
