"""Tracking numbers as a carrier's file: looked at row by row first, then all parcels leave, or none."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog import inventory
from orders.models import Order, Shipment
from orders.shipments.leaving import Label, check_free, label_of, send_locked
from orders.shipments.packing import check_may_ship
from shop.accounts.models import User
from shop.exceptions import InvalidInput, ShopError

MAX_BYTES = 1_000_000
# All of a file leaves in one transaction, which locks its orders for as long.
MAX_ROWS = 500
# Column: names that carriers give it. The first two are needed.
COLUMNS = {
    "reference": ("reference", "shipment", "parcel", "order"),
    "tracking_number": ("tracking_number", "tracking", "tracking number"),
    "carrier": ("carrier",),
    "service": ("service",),
    "tracking_url": ("tracking_url", "tracking url"),
}
NEEDED = ("reference", "tracking_number")
Status = Shipment.Status


class FileRefused(InvalidInput):
    code = "file_refused"
    title = "This file cannot be read"


class RowsRefused(InvalidInput):
    """`extra["rows"]` holds the rows, each with its error."""

    code = "rows_refused"
    title = "Nothing was dispatched: some rows are wrong"


@dataclass(slots=True)
class Row:
    """One row of the file, its parcel and label if they were found, or what is wrong with it."""

    number: int
    reference: str
    given: dict[str, str]
    shipment: Shipment | None = None
    label: Label | None = None
    error: str = ""


def read(data: bytes) -> str:
    """Return the text of an uploaded file.

    :raises FileRefused: if it is too large, or no text in UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise FileRefused("At most 1 MB.", fields={"file": ["At most 1 MB."]})
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused("Save it as CSV in UTF-8.", fields={"file": ["No UTF-8."]}) from error
    if "\0" in text:
        raise FileRefused("That is no CSV file.", fields={"file": ["No text."]})
    return text


def review(text: str) -> list[Row]:
    """Return the rows of a file, each with its parcel or with what is wrong. Writes nothing: the dry run.

    :raises FileRefused: if it has no rows, too many, or not the columns.
    """
    rows = _rows(text)
    _find(rows)
    _check_twice(rows)
    for row in rows:
        if not row.error:
            row.error = _check(row)
    return rows


@transaction.atomic(durable=True)
def dispatch_file(text: str, *, actor: User | None, at: datetime) -> list[Shipment]:
    """Dispatch every parcel that a file names, under its number; all of them or none.

    :raises FileRefused: as `review` does. :raises RowsRefused: with the rows, if any is wrong.
    """
    named = [row.shipment for row in review(text) if row.shipment is not None]
    _lock(named)
    # What the file says is looked at again under the locks: a parcel may have left meanwhile.
    rows = review(text)
    if not any(row.error for row in rows):
        try:
            for row in rows:
                _send(row, actor=actor, at=at)
        except ShopError as refusal:
            row.error = refusal.detail
    if any(row.error for row in rows):
        raise RowsRefused(rows=rows)
    return [row.shipment for row in rows if row.shipment is not None]


def _send(row: Row, *, actor: User | None, at: datetime) -> None:
    if row.shipment is None or row.label is None:
        raise ValueError("only rows that were reviewed are sent")
    send_locked(row.shipment, row.label, actor=actor, at=at)


def _lock(shipments: Iterable[Shipment]) -> None:
    """Lock all that a file touches before any of it, in the one order: orders, parcels, stock, lots."""
    pks = {shipment.pk for shipment in shipments}
    found = Shipment.objects.filter(pk__in=pks)
    orders = Order.objects.select_for_update().filter(pk__in=found.values("order_id"))
    list(orders.order_by("pk"))
    locked = list(found.select_for_update().order_by("pk").prefetch_related("lines"))
    lines = [line for shipment in locked for line in shipment.lines.all()]
    inventory.lock_levels(line.variant_id for line in lines)
    inventory.lock_lots({line.lot_id for line in lines if line.lot_id})


def _rows(text: str) -> list[Row]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header, *body = [cells for cells in reader if any(cell.strip() for cell in cells)]
    except (ValueError, csv.Error) as error:
        raise FileRefused("The file has no rows.", fields={"file": ["No rows."]}) from error
    places = _places([cell.strip().lower() for cell in header])
    if not 0 < len(body) <= MAX_ROWS:
        raise FileRefused(
            f"Between 1 and {MAX_ROWS} rows, not {len(body)}.", fields={"file": [f"1 to {MAX_ROWS} rows."]}
        )
    rows = []
    for number, cells in enumerate(body, start=2):
        given = {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
        rows.append(Row(number, given.pop("reference").upper(), given))
    return rows


def _places(header: Sequence[str]) -> dict[str, int]:
    """Return where each column is. A file with parcels and orders is read by its parcels."""
    found = {}
    for column, names in COLUMNS.items():
        at = next((header.index(name) for name in names if name in header), None)
        if at is not None:
            found[column] = at
        elif column in NEEDED:
            raise FileRefused(f"Name one column {names[0]}.", fields={"file": [f"No column {names[0]}."]})
    return found


def _find(rows: Iterable[Row]) -> None:
    """Find the parcel of each row: by its own reference, or by its order's if only one parcel waits."""
    named = {row.reference for row in rows}
    parcels = Shipment.objects.select_related("order")
    own = {parcel.reference: parcel for parcel in parcels.filter(reference__in=named)}
    by_order: dict[str, list[Shipment]] = {}
    for parcel in parcels.filter(order__reference__in=named, status=Status.PACKED):
        by_order.setdefault(parcel.order.reference, []).append(parcel)
    known = set(Order.objects.filter(reference__in=named).values_list("reference", flat=True))
    for row in rows:
        mine = by_order.get(row.reference, [])
        row.shipment = own.get(row.reference) or (mine[0] if len(mine) == 1 else None)
        if row.shipment is None:
            row.error = "No parcel and no order is called so."
        if row.shipment is None and row.reference in known:
            waiting = f"{len(mine)} parcels" if mine else "No parcel"
            row.error = f"{waiting} of this order wait to leave: name the parcel."


def _check_twice(rows: Iterable[Row]) -> None:
    parcels = Counter(row.shipment.pk for row in rows if row.shipment)
    numbers = Counter(row.given["tracking_number"].upper() for row in rows)
    for row in rows:
        if row.shipment is not None and parcels[row.shipment.pk] > 1:
            row.error = "This parcel is named more than once in the file."
        elif row.given["tracking_number"] and numbers[row.given["tracking_number"].upper()] > 1:
            row.error = "This tracking number is in the file more than once."


def _check(row: Row) -> str:
    """Give a row its label, and return what is wrong with it, or nothing."""
    parcel, given = row.shipment, row.given
    if parcel is None:
        return "No parcel and no order is called so."
    if parcel.status != Status.PACKED:
        return f"Parcel {parcel.reference} does not wait to leave: it is {parcel.status}."
    if not given["tracking_number"]:
        return "The tracking number is missing."
    try:
        row.label = label_of(
            carrier=given.get("carrier", ""),
            tracking_number=given["tracking_number"],
            service=given.get("service", ""),
            tracking_url=given.get("tracking_url", ""),
        )
        check_free(parcel, row.label)
        check_may_ship(parcel.order)
    except ShopError as refusal:
        return refusal.detail
    if any(text.startswith(("=", "+", "-", "@")) for text in given.values()):
        return "A cell begins like a formula."
    return ""
