"""Changing prices: a price holds from a moment on, the one before it ends there, history stays.

A price that has begun is never changed, only ended; one that has not begun may be withdrawn. The table keeps
these rules too, by a trigger (migration `price_authors`), measured at the moment that the verb names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from catalog.models import Price, Variant
from shop.exceptions import Conflict, InvalidInput

Key = tuple[int, str, str]


class PriceInThePast(InvalidInput):
    code = "price_in_the_past"
    title = "History is not rewritten"


class PriceOverlaps(Conflict):
    code = "price_overlaps"
    title = "Another price holds then"


@dataclass(frozen=True, slots=True)
class Change:
    """A price that should hold from `starts_at` until `ends_at` (or further notice); minor units."""

    variant_id: int
    currency: str
    kind: str
    amount: int
    starts_at: datetime
    ends_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.variant_id, self.currency, self.kind


class PriceBook:
    """Prices of variants that hold now or later, and changes to them that are not written yet.

    Many changes are planned against each other first and then written in two statements.
    """

    def __init__(self, *, at: datetime, actor: Any = None) -> None:
        self.at = at
        self.actor = actor
        self._known: set[int] = set()
        self._rows: dict[Key, list[Price]] = {}
        self._ended: dict[int, Price] = {}
        self._fresh: list[Price] = []

    def open(self, variant_ids: Iterable[int]) -> None:
        """Read the prices of variants that are not in the book yet. One query at most."""
        wanted = set(variant_ids) - self._known
        if not wanted:
            return
        self._known |= wanted
        still = Q(ends_at__isnull=True) | Q(ends_at__gt=self.at)
        for row in Price.objects.filter(still, variant_id__in=wanted):
            self._rows.setdefault((row.variant_id, row.currency, row.kind), []).append(row)

    def rows_of(self, key: Key) -> list[Price]:
        """Return the prices of a kind that hold now or later, in their order."""
        return sorted(self._rows.get(key, ()), key=lambda row: row.starts_at)

    def plan(self, change: Change) -> Price:
        """Take a change into the book and return its price, which `write` saves.

        :raises PriceInThePast: if it would begin before now.
        :raises PriceOverlaps: if another begins within it, or a list price would leave a gap behind it.
        """
        before = self.check(change)
        if before is not None:
            before.ends_at, before.ended_by = change.starts_at, self.actor
            if before.pk is not None:
                self._ended[before.pk] = before
        price = Price(
            variant_id=change.variant_id,
            currency=change.currency,
            kind=change.kind,
            amount=change.amount,
            starts_at=change.starts_at,
            ends_at=change.ends_at,
            created_by=self.actor,
        )
        self._rows.setdefault(change.key, []).append(price)
        self._fresh.append(price)
        return price

    def check(self, change: Change) -> Price | None:
        """Return the price that a change would succeed, if there is one. :raises: as `plan` does."""
        self.open([change.variant_id])
        return _succeeded(change, self.rows_of(change.key), at=self.at)

    @transaction.atomic(savepoint=False)
    def write(self) -> None:
        """Save what was planned: first what ends, then what begins, so that no two prices overlap."""
        measure_history_at(self.at)
        Price.objects.bulk_update(self._ended.values(), ["ends_at", "ended_by"], batch_size=500)
        Price.objects.bulk_create(self._fresh, batch_size=1000)
        self._ended.clear()
        self._fresh.clear()


def _succeeded(change: Change, rows: Sequence[Price], *, at: datetime) -> Price | None:
    if change.starts_at < at:
        raise PriceInThePast("A price begins now or later.", fields={"starts_at": ["Now or later."]})
    if change.ends_at is not None and change.ends_at <= change.starts_at:
        raise PriceInThePast("A price ends after it begins.", fields={"ends_at": ["After it begins."]})
    _refuse_later(change, rows)
    before = next((row for row in rows if row.starts_at < change.starts_at and _reaches(row, change)), None)
    if before is not None and change.ends_at is not None and change.kind == Price.Kind.LIST:
        said = "A list price holds until the next one. For a limited time, enter a sale price."
        raise PriceOverlaps(said, fields={"ends_at": [said]})
    return before


def _reaches(row: Price, change: Change) -> bool:
    return row.ends_at is None or row.ends_at > change.starts_at


def _refuse_later(change: Change, rows: Sequence[Price]) -> None:
    for row in rows:
        if row.starts_at >= change.starts_at and (change.ends_at is None or row.starts_at < change.ends_at):
            said = f"A price that begins {row.starts_at:%Y-%m-%d %H:%M} UTC is planned already."
            field = "starts_at" if change.ends_at is None else "ends_at"
            raise PriceOverlaps(said, fields={field: [said]})


def check_change(change: Change, *, at: datetime) -> Price | None:
    """Return the price that a new one would succeed, if there is one.

    :raises PriceInThePast: if it would begin before `at`, or end before it begins.
    :raises PriceOverlaps: if another begins within it, or a list price would leave a gap behind it.
    """
    return PriceBook(at=at).check(change)


@transaction.atomic(savepoint=False)
def change_price(
    *,
    variant: Variant,
    currency: str,
    kind: str,
    amount: int,
    starts_at: datetime,
    at: datetime,
    ends_at: datetime | None = None,
    actor: Any = None,
) -> Price:
    """Let a price hold from a moment on; the one before it ends there. Minor units.

    :raises PriceInThePast: see `check_change`.
    :raises PriceOverlaps: see `check_change`.
    """
    lock_prices([variant.pk])
    book = PriceBook(at=at, actor=actor)
    price = book.plan(Change(variant.pk, currency, kind, amount, starts_at, ends_at))
    book.write()
    return price


@transaction.atomic(savepoint=False)
def end_price(price: Price, *, ends_at: datetime, at: datetime, actor: Any = None) -> Price:
    """Let a price end at a moment, now or later.

    :raises PriceInThePast: if the moment is over, or before the price begins, or the price has ended.
    :raises PriceOverlaps: if the next price begins earlier.
    """
    lock_prices([price.variant_id])
    price.refresh_from_db()
    if price.ends_at is not None and price.ends_at <= at:
        raise PriceInThePast("This price has ended.", fields={"ends_at": ["It has ended already."]})
    if ends_at < at or ends_at <= price.starts_at:
        raise PriceInThePast("A price ends now or later.", fields={"ends_at": ["Now or later."]})
    rows = Price.objects.filter(variant_id=price.variant_id, currency=price.currency, kind=price.kind)
    following = rows.filter(starts_at__gt=price.starts_at, starts_at__lt=ends_at).first()
    if following is not None:
        raise PriceOverlaps(
            f"The next price begins {following.starts_at:%Y-%m-%d %H:%M} UTC.",
            fields={"ends_at": ["Not after the next price begins."]},
        )
    measure_history_at(at)
    price.ends_at, price.ended_by = ends_at, actor
    price.save(update_fields=["ends_at", "ended_by"])
    return price


@transaction.atomic(savepoint=False)
def withdraw_price(price: Price, *, at: datetime, actor: Any = None) -> Price | None:
    """Take back a price that has not begun; return the list price that holds on instead, if there is one.

    A list price before it holds on; a sale or refill price that ended there stays ended.
    :raises PriceInThePast: if it has begun.
    """
    lock_prices([price.variant_id])
    price.refresh_from_db()
    if price.starts_at <= at:
        raise PriceInThePast("This price has begun: end it, or let another one follow.")
    measure_history_at(at)
    goes_on = Price.objects.filter(
        variant_id=price.variant_id, currency=price.currency, kind=Price.Kind.LIST, ends_at=price.starts_at
    ).first()
    Price.objects.filter(pk=price.pk).delete()
    if goes_on is None or price.kind != Price.Kind.LIST:
        return None
    goes_on.ends_at, goes_on.ended_by = price.ends_at, actor
    goes_on.save(update_fields=["ends_at", "ended_by"])
    return goes_on


def lock_prices(variant_ids: Iterable[int]) -> None:
    """Let nobody else change the prices of these variants; orders may go on naming them."""
    rows = Variant.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(variant_ids))
    list(rows.order_by("pk").values_list("pk", flat=True))


def measure_history_at(at: datetime) -> None:
    """Tell the table's trigger what "begun" is measured against in this transaction; else it is its clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('catalog.price_at', %s, true)", [at.isoformat()])
