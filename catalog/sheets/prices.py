"""Prices: each row is a change of price, planned against those that are there and against each other."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from catalog import pricing
from catalog.models import ImportJob, Price, Variant
from catalog.sheets.rows import CHANGED, NEW, Row, Sheet, variants_of
from shop.exceptions import ShopError
from shop.money import format_money, to_minor

Past = dict[tuple[pricing.changes.Key, datetime], Price]


class PriceSheet(Sheet):
    kind = ImportJob.Kind.PRICES

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._book = pricing.PriceBook(at=self.at, actor=self.actor)
        self._past: Past = {}

    def lock(self, skus: Iterable[str]) -> None:
        pricing.lock_prices(Variant.objects.filter(sku__in=set(skus)).values_list("pk", flat=True))

    def plan(self, rows: Sequence[Row]) -> None:
        variants = variants_of(rows)
        ids = {variant.pk for variant in variants.values()}
        self._book.open(ids)
        over = Price.objects.filter(variant_id__in=ids, ends_at__lte=self.at)
        self._past = {((p.variant_id, p.currency, p.kind), p.starts_at): p for p in over}
        for row in rows:
            row.key = f"{row.get('sku') or ''} {row.get('currency') or ''} {row.get('kind') or ''}"
            amount = self._amount(row)
            if amount is not None and not row.errors:
                self._plan_row(row, variants[row.values.sku], amount)

    def write(self) -> None:
        self._book.write()

    def _amount(self, row: Row) -> int | None:
        """Return the amount in minor units, or None after refusing currency, kind or amount."""
        currency, kind, amount = row.get("currency"), row.get("kind"), row.get("amount")
        if currency and currency not in settings.SUPPORTED_CURRENCIES:
            row.refuse(
                "currency", f"Prices are in {', '.join(settings.SUPPORTED_CURRENCIES)}, not {currency[:20]}."
            )
        if kind and kind not in Price.Kind.values:
            row.refuse("kind", f"A price is one of {', '.join(Price.Kind.values)}, not {kind[:20]}.")
        if row.errors or amount is None:
            return None
        if amount <= 0:
            row.refuse("amount", "A price is more than nothing.")
            return None
        try:
            return to_minor(amount, currency)
        except ValueError:
            row.refuse("amount", f"{amount} has more decimals than {currency}.")
            return None

    def _plan_row(self, row: Row, variant: Variant, amount: int) -> None:
        change = pricing.Change(
            variant_id=variant.pk,
            currency=row.values.currency,
            kind=row.values.kind,
            amount=amount,
            starts_at=row.get("starts_at") or self.at,
            ends_at=row.get("ends_at"),
        )
        holds = self._same_price(change, is_dated=row.get("starts_at") is not None)
        if holds is not None:
            self._compare(row, change, holds)
            return
        try:
            before = self._book.check(change)
            self._book.plan(change)
        except ShopError as refusal:
            row.refuse_as(refusal)
            return
        row.outcome = CHANGED if before is not None else NEW
        row.differences = _differences(change, before)

    def _same_price(self, change: pricing.Change, *, is_dated: bool) -> Price | None:
        """Return the price that a row speaks of, if there is one: by its beginning, or the one now."""
        rows = self._book.rows_of(change.key)
        if is_dated:
            known = next((row for row in rows if row.starts_at == change.starts_at), None)
            return known or self._past.get((change.key, change.starts_at))
        now = next((row for row in rows if row.starts_at <= self.at), None)
        return now if now is not None and now.amount == change.amount else None

    def _compare(self, row: Row, change: pricing.Change, holds: Price) -> None:
        if holds.amount != change.amount:
            is_over = holds.starts_at <= self.at
            said = "has begun and is not changed" if is_over else "is planned already: withdraw it first"
            row.refuse("amount", f"The price of {_money(holds)} from then on {said}.")
        elif change.ends_at is not None and change.ends_at != holds.ends_at:
            row.refuse("ends_at", "This price is known with another end. Change its end in the admin.")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)):%Y-%m-%d %H:%M}"


def _money(price: Price | pricing.Change) -> str:
    return format_money(price.amount, price.currency)


def _differences(change: pricing.Change, before: Price | None) -> list[tuple[str, str, str]]:
    found = [
        ("amount", _money(before) if before else "", _money(change)),
        ("starts_at", "", _moment(change.starts_at)),
    ]
    if change.ends_at is not None:
        found.append(("ends_at", "", _moment(change.ends_at)))
    return found
