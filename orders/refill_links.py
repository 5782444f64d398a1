"""Signed links to the pages of refills: the proof that their reader got the mail, without a password.

A link says what it is for. `ALL` opens everything about one customer's refills; `SKIP` and `PLENTY` do one
thing to one parcel and open nothing else. It names a refill or a subscription, never a customer, and expires.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core import signing

from orders.models import Refill, Subscription
from shop.exceptions import NotFound

_SALT = "orders.refills"


class Purpose(StrEnum):
    ALL = "all"
    SKIP = "skip"
    PLENTY = "plenty"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link is for, and the reference of the refill or subscription that it names."""

    purpose: Purpose
    reference: str


class LinkInvalid(NotFound):
    code = "link_invalid"
    title = "This link is not valid any more"


def token(purpose: Purpose, reference: str) -> str:
    """Return a token for one purpose, until REFILL_LINK_MAX_AGE has passed."""
    return signing.dumps([purpose.value, reference], salt=_SALT)


def url(purpose: Purpose, reference: str, *path: str) -> str:
    """Return the absolute address of a page about refills, for a mail."""
    return "/".join([settings.BASE_URL, "r", token(purpose, reference), *path])


def read(given: str) -> Claim:
    """Return what a token proves.

    :raises LinkInvalid: if it was not signed by us for these pages, or has expired.
    """
    return _read(given, max_age=settings.REFILL_LINK_MAX_AGE)


def read_expired(given: str) -> Claim:
    """Return what a token proved once. It opens nothing: good for sending its owner a fresh one.

    :raises LinkInvalid: if it was never signed by us for these pages.
    """
    return _read(given, max_age=None)


def of_refill(refill: Refill) -> Mapping[str, str]:
    """Return the addresses that a mail about a refill needs. No query: they are made of references alone."""
    everything = url(Purpose.ALL, refill.reference)
    return {
        "all": everything,
        "card": f"{everything}/card",
        "cancel": f"{everything}/cancel",
        "skip": url(Purpose.SKIP, refill.reference),
        "plenty": url(Purpose.PLENTY, refill.reference),
    }


def of_subscription(subscription: Subscription) -> Mapping[str, str]:
    """Return the addresses that a mail about a subscription needs. No query."""
    everything = url(Purpose.ALL, subscription.reference)
    mine = f"{everything}/{subscription.reference}"
    verbs = ("card", "cancel", "swap", "pause", "resume")
    return {"all": everything, **{verb: f"{mine}/{verb}" for verb in verbs}}


def _read(given: str, *, max_age: timedelta | None) -> Claim:
    try:
        purpose, reference = signing.loads(given, salt=_SALT, max_age=max_age)
        return Claim(Purpose(purpose), str(reference))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid("This link is not valid any more. Ask for a fresh one.") from error
