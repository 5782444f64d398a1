"""Mails with a fresh link to somebody's refills, or to the page that takes another card."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from orders import refill_links
from orders.models import Subscription
from shop.mail import languages
from shop.mail.outbox import Letter


@languages.spoken_by(lambda rows: rows[0].customer.locale)
def fresh_link(rows: Sequence[Subscription], *, at: datetime) -> Letter:
    """A link that opens all refills of one customer. `rows`: theirs, newest first, at least one."""
    first = rows[0]
    order = first.started_by.order
    days = settings.REFILL_LINK_MAX_AGE.days
    subject = _("Your link to your refills")
    return Letter(
        kind="refill_links",
        subject_key=f"subscription:{first.reference}",
        occasion=at.isoformat(),
        subject=f"{subject} [{order.reference}]",
        template="orders/mail/refill_links",
        context={
            "title": subject,
            "words": [
                _(
                    "You, or somebody who typed your address, asked for it. It needs no password, so keep "
                    "it to yourself."
                ),
                ngettext("It opens for one day.", "It opens for %(days)s days.", days) % {"days": days},
            ],
            "names": [
                f"{row.quantity} × {row.variant.product.name}, {row.variant.name}"
                for row in rows
                if row.status != Subscription.Status.CANCELLED
            ],
            "is_test": order.is_test,
            "go": _("Look after your refills"),
            "url": refill_links.of_subscription(first)["all"],
        },
        locale=first.customer.locale,
    )


@languages.spoken_by(lambda row: row.customer.locale)
def card_link(row: Subscription, *, at: datetime) -> Letter:
    """A link to the page on which the owner of a subscription gives another card; staff asked for it."""
    order = row.started_by.order
    subject = _("A link for your new card")
    return Letter(
        kind="refill_card_link",
        subject_key=f"subscription:{row.reference}",
        occasion=at.isoformat(),
        subject=f"{subject} [{order.reference}]",
        template="orders/mail/refill_card_link",
        context={
            "title": subject,
            "words": [
                _(
                    "Here you can give us another card for your refills. It goes straight to Stripe, our "
                    "payment service: we never see its number, and nobody from us asks you for it."
                ),
                _("It needs no password, so keep it to yourself."),
            ],
            "names": [f"{row.quantity} × {row.variant.product.name}, {row.variant.name}"],
            "is_test": order.is_test,
            "go": _("Give another card"),
            "url": refill_links.of_subscription(row)["card"],
        },
        locale=row.customer.locale,
    )
