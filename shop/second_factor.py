"""Whether a session was opened with more than a password."""

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest


def was_given(request: HttpRequest) -> bool:
    """Return whether this very session was opened, or confirmed since, with a second factor. No query."""
    user = request.user
    if not isinstance(user, AbstractBaseUser):
        return False
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


def is_enough(request: HttpRequest) -> bool:
    """Return whether staff may go on: with a second factor where the settings ask for one."""
    return not settings.STAFF_MFA_REQUIRED or was_given(request)
