"""Codes: how they are compared, and how many at once are made that nobody guesses."""

import secrets
from datetime import datetime

from django.db import transaction

from orders.models import Discount, DiscountCode
from shop.exceptions import InvalidInput

MAX_LENGTH = 40
MAX_AT_ONCE = 10_000
# Crockford's alphabet: no I, L, O or U to misread. Twelve of these are 60 bits.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_LENGTH = 12


class NoCode(InvalidInput):
    code = "invalid_code"
    title = "This cannot be a code"


def normalise_code(text: str) -> str:
    """Return a code as it is kept and compared: upper case, without spaces and hyphens."""
    return "".join(text.split()).replace("-", "").upper()[:MAX_LENGTH]


@transaction.atomic
def generate_codes(
    discount: Discount, *, count: int, max_uses: int | None = 1, prefix: str = "", at: datetime
) -> list[DiscountCode]:
    """Make codes of 60 random bits behind a readable prefix; each may be used `max_uses` times.

    :raises NoCode: if the prefix is no letters and digits, or the number is not between 1 and 10,000.
    """
    start = normalise_code(prefix)
    if start and not (start.isascii() and start.isalnum() and len(start) <= MAX_LENGTH - _RANDOM_LENGTH):
        raise NoCode("A prefix is up to 28 letters and digits.", fields={"prefix": ["Letters and digits."]})
    if not 1 <= count <= MAX_AT_ONCE:
        raise NoCode(f"1 to {MAX_AT_ONCE} codes at once.", fields={"count": ["Too few or too many."]})
    return DiscountCode.objects.bulk_create(
        DiscountCode(discount=discount, code=start + _random(), max_uses=max_uses, created_at=at)
        for _ in range(count)
    )


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
