"""Mails about a request to be forgotten."""

from datetime import datetime

from django.utils.translation import gettext as _

from shop.accounts.mails import Words
from shop.mail.outbox import Letter
from shop.privacy.models import Erasure


def received(erasure: Erasure, *, at: datetime) -> Letter:
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
        note=_("If this was not you, answer this mail at once."),
    )
    return _letter(erasure, "erasure_received", words)


def done(erasure: Erasure, *, at: datetime) -> Letter:
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
        note=_("This is our last mail to you about your account."),
    )
    return _letter(erasure, "erasure_done", words)


def _letter(erasure: Erasure, kind: str, words: Words) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"erasure:{erasure.pk}",
        occasion="",
        subject=words.subject,
        template="accounts/mail/letter",
        context={"words": words},
    )
