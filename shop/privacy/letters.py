"""Mails about a request to be forgotten."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from shop.accounts.mails import Words
from shop.mail.outbox import Letter
from shop.privacy.models import Erasure


def received(erasure: Erasure) -> Letter:
    """Say that the request has come, and what happens now."""
    words = Words(
        _("We will delete your account"),
        (
            _("You asked us to delete your account. Your refills are cancelled, and you are signed out."),
            _(
                "We delete your details as soon as your last order has arrived or was refunded. Invoices are "
                "kept as long as the law demands, and for nothing else."
            ),
        ),
        button=_("Terms and returns"),
        url=f"{settings.BASE_URL}{reverse('terms')}",
        note=_("If this was not you, answer this mail at once."),
    )
    return _letter(erasure, "erasure_received", words)


def done(erasure: Erasure) -> Letter:
    """Say that the account is gone: the last mail to this address."""
    words = Words(
        _("Your account is deleted"),
        (
            _("Your account, addresses, carts, cards and requests are deleted."),
            _(
                "Invoices and what they are about are kept as long as the law demands. Then they are "
                "blanked too."
            ),
        ),
        button=_("Terms and returns"),
        url=f"{settings.BASE_URL}{reverse('terms')}",
        note=_("This is our last mail to you about your account."),
    )
    return _letter(erasure, "erasure_done", words)


def samples() -> dict[str, Callable[[], Letter]]:
    """Return a builder of each kind with made-up data, for the preview page."""
    asked = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    made_up = Erasure(pk=0, email="ada@buyer.example", requested_at=asked)
    return {"erasure_received": partial(received, made_up), "erasure_done": partial(done, made_up)}


def _letter(erasure: Erasure, kind: str, words: Words) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"erasure:{erasure.pk}",
        occasion="",
        subject=words.subject,
        template="accounts/mail/_letter",
        context={"words": words},
    )
