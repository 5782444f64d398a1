"""The account's mails: what they say. They go through the outbox like every other mail."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from shop.mail.outbox import Letter


@dataclass(frozen=True, slots=True)
class Words:
    """One mail: a subject that is its heading, sentences, and at most one button."""

    subject: str
    sentences: tuple[str, ...]
    button: str = ""
    url: str = ""
    note: str = ""


def letter(template: str, email: str, context: Mapping[str, Any], *, at: datetime) -> Letter:
    """Return the mail that the accounts library means by one of its templates.

    :raises KeyError: for a template that we have no words for: a new one is found by the tests.
    """
    kind, build = KINDS[template]
    words = build(context)
    digest = hashlib.sha256(email.lower().encode()).hexdigest()[:32]
    return Letter(
        kind=kind,
        subject_key=f"account:{digest}",
        # Each request for a mail is an occasion of its own; how many there may be is a matter of limits.
        occasion=f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(6)}",
        subject=words.subject,
        template="accounts/mail/_letter",
        context={"words": words},
    )


def _page(name: str) -> str:
    return f"{settings.BASE_URL}{reverse(name)}"


def _verify(context: Mapping[str, Any]) -> Words:
    return Words(
        _("Is this your e-mail address?"),
        (_("Please confirm that this address is yours. Then your account is ready to use."),),
        button=_("Confirm the address"),
        url=context["activate_url"],
        note=_("The link works for three days. If you did not ask for this, do nothing."),
    )


def _already_there(context: Mapping[str, Any]) -> Words:
    return Words(
        _("You have an account already"),
        (
            _("Somebody, probably you, has tried to open an account with this address, which has one."),
            _("If you have forgotten its password, you can choose a new one."),
        ),
        button=_("Choose a new password"),
        url=_page("account_reset_password"),
        note=_("If it was not you, do nothing: nobody has got in."),
    )


def _unknown(context: Mapping[str, Any]) -> Words:
    return Words(
        _("There is no account with this address"),
        (
            _("Somebody, probably you, has asked for a new password. No account uses this address."),
            _("Perhaps you ordered without an account, or with another address."),
        ),
        button=_("Open an account"),
        url=_page("account_signup"),
        note=_("If it was not you, do nothing."),
    )


def _reset(context: Mapping[str, Any]) -> Words:
    return Words(
        _("Choose a new password"),
        (_("You, or somebody who knows your address, has asked for a new password for your account."),),
        button=_("Choose a new password"),
        url=context["password_reset_url"],
        note=_("The link works for three days, and once. If you did not ask for it, do nothing."),
    )


def _password_changed(context: Mapping[str, Any]) -> Words:
    return _notice(
        _("Your password has been changed"), _("Everybody who was signed in elsewhere has been signed out.")
    )


def _email_changed(context: Mapping[str, Any]) -> Words:
    said = _("Your account now uses %(email)s.") % {"email": context["to_email"]}
    return _notice(_("The e-mail address of your account has changed"), said)


def _email_kept(context: Mapping[str, Any]) -> Words:
    said = _("%(email)s does not belong to your account any more.") % {"email": context["deleted_email"]}
    return _notice(_("An e-mail address was taken off your account"), said)


def _factor_on(context: Mapping[str, Any]) -> Words:
    return _notice(
        _("Sign-in in two steps is on"),
        _("From now on your account asks for a code of your authenticator app."),
    )


def _factor_off(context: Mapping[str, Any]) -> Words:
    return _notice(_("Sign-in in two steps is off"), _("Your account asks for your password only."))


def _codes(context: Mapping[str, Any]) -> Words:
    return _notice(_("You have new recovery codes"), _("The codes that you had before do not work any more."))


def _notice(subject: str, sentence: str) -> Words:
    return Words(
        subject,
        (sentence,),
        button=_("Choose a new password"),
        url=_page("account_reset_password"),
        note=_("If it was you, all is well. If not, choose a new password now, and write to us."),
    )


# The library's template: our kind, and its words. Kinds that begin so are hidden from staff: they hold keys.
KINDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Words]]] = {
    "account/email/email_confirmation_signup": ("account_verify", _verify),
    "account/email/email_confirmation": ("account_verify", _verify),
    "account/email/account_already_exists": ("account_exists", _already_there),
    "account/email/unknown_account": ("account_unknown", _unknown),
    "account/email/password_reset_key": ("account_reset", _reset),
    "account/email/password_changed": ("account_notice", _password_changed),
    "account/email/password_reset": ("account_notice", _password_changed),
    "account/email/password_set": ("account_notice", _password_changed),
    "account/email/email_changed": ("account_notice", _email_changed),
    "account/email/email_deleted": ("account_notice", _email_kept),
    "mfa/email/totp_activated": ("account_notice", _factor_on),
    "mfa/email/totp_deactivated": ("account_notice", _factor_off),
    "mfa/email/recovery_codes_generated": ("account_notice", _codes),
}


def samples() -> dict[str, Callable[[], Letter]]:
    """Return a builder of each kind with made-up data, for the preview page."""
    templates = {kind: template for template, (kind, _) in reversed(KINDS.items())}
    return {kind: partial(_sample, template) for kind, template in templates.items()}


def _sample(template: str) -> Letter:
    email, at = "ada@buyer.example", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    context = {
        "activate_url": _page("account_login"),
        "password_reset_url": _page("account_reset_password"),
        "to_email": email,
    }
    return letter(template, email, context, at=at)
