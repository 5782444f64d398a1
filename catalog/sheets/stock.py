"""Stock counts and lots: rows that become movements, through the inventory's own verbs."""

from collections.abc import Iterable, Sequence
from typing import Any

from catalog import inventory
from catalog.inventory.bulk import Arrival, Count
from catalog.models import ImportJob, Lot, StockLevel, Variant
from catalog.sheets.cells import Day
from catalog.sheets.rows import CHANGED, NEW, Row, Sheet, variants_of

LotKey = tuple[int, str]
# As the table of lots has them.
MAX_LENGTHS = {"lot": 32, "supplier_lot": 64, "note": 300}


class StockSheet(Sheet):
    """Rows that name a SKU and a lot."""

    def lock(self, skus: Iterable[str]) -> None:
        inventory.lock_all(Variant.objects.filter(sku__in=set(skus)).values_list("pk", flat=True))

    def _lots(self, rows: Sequence[Row], variants: Iterable[Variant]) -> dict[LotKey, Lot]:
        codes = {code for row in rows if (code := row.get("lot"))}
        found = Lot.objects.filter(variant__in=[variant.pk for variant in variants], code__in=codes)
        return {(lot.variant_id, lot.code): lot for lot in found}

    def _name(self, row: Row) -> None:
        row.key = f"{row.get('sku') or ''} {row.get('lot') or ''}".strip()


class CountSheet(StockSheet):
    """What was found on the shelf. The books follow it, by a movement for each difference."""

    kind = ImportJob.Kind.COUNTS

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._counts: list[Count] = []

    def plan(self, rows: Sequence[Row]) -> None:
        variants = variants_of(rows)
        lots = self._lots(rows, variants.values())
        levels = StockLevel.objects.filter(variant__in=[variant.pk for variant in variants.values()])
        on_hand = dict(levels.values_list("variant_id", "on_hand"))
        for row in rows:
            self._name(row)
            self.refuse_twice(row, (row.get("sku"), row.get("lot")), "lot" if row.get("lot") else "sku")
            if not row.errors:
                variant = variants[row.values.sku]
                self._plan_row(row, variant, lots, on_hand.get(variant.pk, 0))

    def write(self) -> None:
        inventory.count_many(self._counts, cause=self.cause, at=self.at, actor=self.actor)
        self._counts.clear()

    def _plan_row(self, row: Row, variant: Variant, lots: dict[LotKey, Lot], on_hand: int) -> None:
        code = row.values.lot
        lot = lots.get((variant.pk, code)) if code else None
        if variant.product.is_bundle:
            row.refuse("sku", f"{variant.sku} is a bundle: count what is in it.")
        elif code and not variant.is_lot_tracked:
            row.refuse("lot", f"{variant.sku} has no lots: leave this empty.")
        elif code and lot is None:
            row.refuse("lot", f"{variant.sku} has no lot {code[:40]}.")
        elif not code and variant.is_lot_tracked:
            row.refuse("lot", f"{variant.sku} is counted lot by lot: name the lot.")
        if row.errors:
            return
        present = inventory.present_in(on_hand, lot)
        if present == row.values.counted:
            return
        row.outcome = CHANGED
        row.differences = [("counted", str(present), str(row.values.counted))]
        reason = (row.get("reason") or "stocktake")[:200]
        self._counts.append(Count(variant, lot, row.values.counted, present, reason))


class LotSheet(StockSheet):
    """New lots that came in. A lot that is known is never received again by a file."""

    kind = ImportJob.Kind.LOTS

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._arrivals: list[Arrival] = []

    def plan(self, rows: Sequence[Row]) -> None:
        variants = variants_of(rows)
        known = self._lots(rows, variants.values())
        for row in rows:
            self._name(row)
            if row.get("lot") == "":
                row.refuse("lot", "A lot has a code.")
            self.refuse_twice(row, (row.get("sku"), row.get("lot")), "lot")
            if not row.errors:
                self._plan_row(row, variants[row.values.sku], known)

    def write(self) -> None:
        inventory.receive_lots(self._arrivals, cause=self.cause, at=self.at, actor=self.actor)
        self._arrivals.clear()

    def _plan_row(self, row: Row, variant: Variant, known: dict[LotKey, Lot]) -> None:
        self._refuse_lengths(row)
        if not variant.is_lot_tracked:
            row.refuse("lot", f"{variant.sku} has no lots: receive it by a count.")
        packed, best_before = row.get("packed_on"), row.get("best_before_on")
        if packed and best_before and packed > best_before:
            row.refuse("packed_on", "It was packed after its best-before date.")
        lot = known.get((variant.pk, row.values.lot))
        if lot is not None and not row.errors:
            self._refuse_unless_same(row, lot)
            return
        arrival = self._arrival(row, variant)
        last_day = inventory.sold_until(best_before, variant)
        if arrival.release and last_day and inventory.shop_date(self.at) > last_day:
            row.refuse("released", f"It could be sold until {last_day}: leave “released” empty.")
        if row.errors:
            return
        row.outcome = NEW
        row.differences = _facts(arrival)
        self._arrivals.append(arrival)

    def _arrival(self, row: Row, variant: Variant) -> Arrival:
        return Arrival(
            variant=variant,
            code=row.values.lot,
            quantity=row.values.quantity,
            best_before_on=row.get("best_before_on"),
            packed_on=row.get("packed_on"),
            supplier_lot=row.get("supplier_lot") or "",
            note=row.get("note") or "",
            release=bool(row.get("released")),
        )

    def _refuse_lengths(self, row: Row) -> None:
        for column, limit in MAX_LENGTHS.items():
            if len(row.get(column) or "") > limit:
                row.refuse(column, f"Longer than {limit} characters.")

    def _refuse_unless_same(self, row: Row, lot: Lot) -> None:
        """A known lot may stand in a file only as it is: then the row changes nothing."""
        same = lot.physical == row.values.quantity and lot.best_before_on == row.get("best_before_on")
        if not same:
            row.refuse(
                "lot",
                f"Lot {lot.code} is known already, with {lot.physical} units in the building and best before "
                f"{lot.best_before_on or 'no date'}. Receive more of it under Lots.",
            )


def _facts(arrival: Arrival) -> list[tuple[str, str, str]]:
    day = Day()
    facts = (
        ("quantity", str(arrival.quantity)),
        ("best_before_on", str(day.render(arrival.best_before_on))),
        ("supplier_lot", arrival.supplier_lot),
        ("released", "yes: on sale at once" if arrival.release else "no: waits in quarantine"),
    )
    return [(column, "", words) for column, words in facts if words]
