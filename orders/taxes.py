"""Tax by destination and day, behind an interface that a tax service could implement.

`settings.TAX_SERVICE` names who answers. Ours looks into dated rows. A remote one is asked before the
transaction that places the order; the fingerprint of its question is compared inside, so that an answer is
never used for another cart than it was given for.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Protocol

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils.module_loading import import_string

from orders.models import TaxRate
from shop.exceptions import Unavailable

ZERO = Decimal(0)
GOODS_TAX_CODE = "standard"
# Rows of this code hold where shipping is taxed otherwise than goods, such as in some states of the US.
SHIPPING_TAX_CODE = "shipping"


class TaxUnavailable(Unavailable):
    code = "tax_unavailable"
    title = "The tax cannot be worked out now"


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate in percent with the name that the invoice prints."""

    name: str
    rate: Decimal


NO_TAX = Tax(name="", rate=ZERO)


@dataclass(frozen=True, slots=True)
class TaxedGoods:
    """A line as a tax service needs it: minor units for the whole line, after discounts."""

    sku: str
    tax_code: str
    quantity: int
    amount: int


@dataclass(frozen=True)
class TaxQuestion:
    """Everything that decides the tax of an order, and with it everything that decides its total."""

    country: str
    region: str
    postal_code: str
    city: str
    currency: str
    on: date
    goods: tuple[TaxedGoods, ...]
    shipping: str
    shipping_amount: int

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same question, and for no other."""
        told = json.dumps(asdict(self), default=str, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def tax_codes(self) -> set[str]:
        return {line.tax_code for line in self.goods} | {SHIPPING_TAX_CODE}


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """The rate of each tax code of a question, shipping's too, and which question it answers."""

    rates: Mapping[str, Tax]
    fingerprint: str


class TaxService(Protocol):
    """Who knows tax rates. Ours is `RateRows`; rounding and sums stay in `totals`, whoever answers."""

    # Asked over the network: never inside a transaction, and with a deadline of its own.
    is_remote: bool

    def rates(self, question: TaxQuestion) -> Mapping[str, Tax]:
        """Return the rate of each of the question's tax codes.

        :raises TaxUnavailable: with `retry_after`, if there is no answer in time.
        """


class RateRows:
    """Answers from `orders_tax_rate`."""

    is_remote = False

    def rates(self, question: TaxQuestion) -> Mapping[str, Tax]:
        return rates_for(
            country=question.country, region=question.region, tax_codes=question.tax_codes, on=question.on
        )


def service() -> TaxService:
    """Return who answers questions of tax here."""
    found: TaxService = import_string(settings.TAX_SERVICE)()
    return found


def ask(question: TaxQuestion) -> TaxAnswer:
    """Ask for the rates of an order. Network, where the service is remote: no transaction.

    :raises TaxUnavailable: if a remote service does not answer.
    """
    answering = service()
    if answering.is_remote and connection.in_atomic_block:
        raise RuntimeError("a remote tax service is asked before the transaction, not in it")
    return TaxAnswer(rates=answering.rates(question), fingerprint=question.fingerprint)


def rates_for(*, country: str, region: str, tax_codes: Iterable[str], on: date) -> dict[str, Tax]:
    """Return the rate of each tax code on a day; a region's own row wins over its country's.

    Codes without a row have no tax there; shipping without one is taxed as goods are.
    """
    wanted = set(tax_codes)
    rows = TaxRate.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=on),
        country=country,
        region__in=["", region.upper()],
        tax_code__in=wanted | {GOODS_TAX_CODE},
        starts_on__lte=on,
    ).order_by("region", "starts_on")
    found = {row.tax_code: Tax(name=row.name, rate=row.rate) for row in rows}
    goods = found.get(GOODS_TAX_CODE, NO_TAX)
    return {code: found.get(code, goods if code == SHIPPING_TAX_CODE else NO_TAX) for code in wanted}
