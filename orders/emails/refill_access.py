"""The mail with a fresh link to somebody's refills."""

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
