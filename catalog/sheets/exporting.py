"""Writing rows to CSV and XLSX, streamed, so that no cell runs as a formula."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from types import SimpleNamespace
from typing import Any

from django.db.models import Prefetch, QuerySet
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from catalog import inventory
from catalog.models import ImportJob, Lot, Price, Product, StockLevel, Variant
from catalog.sheets.columns import RESOURCES, names_of
from shop import sheets
from shop.money import to_major

Kind = ImportJob.Kind
READ_AT_ONCE = 500
# Excel knows the encoding by it.
BYTE_ORDER_MARK = "\ufeff"


def csv_lines(kind: str, rows: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a CSV file with the rows of `rows_of`."""
    resource = RESOURCES[kind]()
    yield BYTE_ORDER_MARK
    yield from sheets.lines(chain([names_of(kind)], (resource.export_resource(row) for row in rows)))


def workbook(kind: str, rows: Iterable[Any]) -> Any:
    """Return an open temporary file with an XLSX workbook of the rows of `rows_of`."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(kind)
    sheet.append(names_of(kind))
    resource = RESOURCES[kind]()
    for row in rows:
        sheet.append([_safe(cell) for cell in resource.export_resource(row)])
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the response that sends it closes it
    book.save(target)
    target.seek(0)
    return target


def _safe(cell: Any) -> Any:
    if isinstance(cell, str):
        return ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell)
    return cell if isinstance(cell, int | Decimal | date | datetime) else str(cell)


def rows_of(kind: str, records: "QuerySet[Any] | None" = None) -> Iterator[SimpleNamespace]:
    """Yield the rows of a kind: of all records, or of some (products, variants, prices, levels or lots)."""
    queryset, as_rows = SOURCES[kind]
    chosen = queryset() if records is None else queryset().filter(pk__in=records.order_by().values("pk"))
    for record in chosen.iterator(chunk_size=READ_AT_ONCE):
        yield from as_rows(record)


def _products() -> "QuerySet[Product]":
    return Product.objects.select_related("category").order_by("position", "code")


def _product_rows(product: Product) -> Iterator[SimpleNamespace]:
    own = {name: getattr(product, name, None) for name in names_of(Kind.PRODUCTS)}
    others = {"category": product.category.slug, "published": product.is_published, "vegan": product.is_vegan}
    yield SimpleNamespace(**{**own, **others})


def _variants() -> "QuerySet[Variant]":
    return Variant.objects.select_related("product").order_by("position", "sku")


def _variant_rows(variant: Variant) -> Iterator[SimpleNamespace]:
    own = {name: getattr(variant, name, None) for name in names_of(Kind.VARIANTS)}
    others = {
        "product": variant.product.code,
        "has_lots": variant.is_lot_tracked,
        "subscribable": variant.is_subscribable,
        "archived": variant.archived_at is not None,
    }
    yield SimpleNamespace(**{**own, **others})


def _prices() -> "QuerySet[Price]":
    return Price.objects.select_related("variant").order_by("variant__sku", "currency", "kind", "starts_at")


def _price_rows(price: Price) -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(
        sku=price.variant.sku,
        currency=price.currency,
        kind=price.kind,
        amount=to_major(price.amount, price.currency),
        starts_at=price.starts_at,
        ends_at=price.ends_at,
    )


def _levels() -> "QuerySet[StockLevel]":
    lots = Lot.objects.filter(physical__gt=0).order_by("best_before_on", "pk")
    found = StockLevel.objects.select_related("variant").order_by("variant__sku")
    return found.prefetch_related(Prefetch("variant__lots", lots, to_attr="present_lots"))


def _level_rows(level: StockLevel) -> Iterator[SimpleNamespace]:
    variant: Any = level.variant
    if not variant.is_lot_tracked:
        yield SimpleNamespace(sku=variant.sku, lot="", counted=level.on_hand, reason="")
    for lot in variant.present_lots:
        present = inventory.present_in(level.on_hand, lot)
        yield SimpleNamespace(sku=variant.sku, lot=lot.code, counted=present, reason="")


def _lots() -> "QuerySet[Lot]":
    return Lot.objects.select_related("variant").order_by("variant__sku", "best_before_on", "pk")


def _lot_rows(lot: Lot) -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(
        sku=lot.variant.sku,
        lot=lot.code,
        quantity=lot.physical,
        best_before_on=lot.best_before_on,
        packed_on=lot.packed_on,
        supplier_lot=lot.supplier_lot,
        note=lot.note,
        released=lot.status == Lot.Status.RELEASED,
    )


SOURCES: dict[str, tuple[Any, Any]] = {
    Kind.PRODUCTS: (_products, _product_rows),
    Kind.VARIANTS: (_variants, _variant_rows),
    Kind.PRICES: (_prices, _price_rows),
    Kind.COUNTS: (_levels, _level_rows),
    Kind.LOTS: (_lots, _lot_rows),
}
