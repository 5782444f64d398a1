"""What the accounts library asks us: how mails leave, what a guess costs, and where links lead.

Source: https://docs.allauth.org/en/latest/account/adapter.html
"""

import secrets
from typing import Any
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse

from shop.accounts import limits, mails
from shop.accounts.models import User
from shop.api import client_ip
from shop.api import limits as counters
from shop.clock import reading
from shop.mail import outbox


class AccountAdapter(DefaultAccountAdapter):
    """Mails through the outbox, guesses counted where counts are never lost, links to our own address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is not right.",
        "enter_current_password": "That is not your present password.",
        "incorrect_password": "That is not your password.",
    }

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail to the outbox; the library would talk to the mail server in the request."""
        at = reading.now()
        outbox.enqueue(mails.letter(template_prefix, email, context, at=at), to=email, at=at)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Tell the owner of a known address. Costs as much time as a new account does: hashing a password."""
        User().set_password(secrets.token_urlsafe(12))
        super().send_account_already_exists_mail(email)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request) or "0.0.0.0"  # noqa: S104 - what is shown for a client without an address

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Return the link of a mail. Never from the request's Host header, which its sender chooses."""
        return f"{settings.BASE_URL}{reverse('account_confirm_email', args=[emailconfirmation.key])}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.BASE_URL}{path.replace('UID-KEY', quote(key))}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try at a password before it is checked.

        :raises TooManyRequests: once the address or the visitor has tried too often: known by the doors.
        """
        self._spent = limits.at_login(request, str(credentials.get("email", "")))
        counters.spend(*self._spent)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Check a password. One that is right gives its count back."""
        user = super().authenticate(request, **credentials)
        if user is not None:
            counters.give_back(*self._spent)
        return user


class MFAAdapter(DefaultMFAAdapter):
    """Our words, and the shop's name in the authenticator app."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or was used a moment ago. Wait for the next one.",
    }

    def get_totp_issuer(self) -> str:
        return settings.SHOP_NAME
