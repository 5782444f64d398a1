"""Recall: from a lot, or from a supplier's lot, to every unit that left, every order and every customer.

Each step is a transaction of its own and safe to run again: a lot is frozen once, a customer is told once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.db.models import QuerySet

from catalog import inventory
from catalog.models import Lot
from orders import emails
from orders.models import RecallNotice, Shipment, ShipmentLine
from shop.accounts.models import User
from shop.exceptions import NotFound
from shop.mail import outbox
from shop.sheets import safe

COLUMNS = (
    "lot", "best_before", "sku", "product", "units", "order", "parcel", "parcel_status", "left_at", "name",
    "e_mail", "phone", "country", "postal_code", "told_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trace:
    """Where the units of lots are: in customers' hands, in parcels that wait, on the shelf."""

    lots: Sequence[Lot]
    left: Sequence[ShipmentLine]
    waiting: Sequence[ShipmentLine]

    @property
    def units_left(self) -> int:
        return sum(line.quantity for line in self.left)

    @property
    def units_here(self) -> int:
        """Units in the building, those in packed parcels included."""
        return sum(lot.physical for lot in self.lots)

    @property
    def orders(self) -> set[str]:
        return {line.shipment.order.reference for line in self.left}

    @property
    def customers(self) -> dict[str, list[ShipmentLine]]:
        """What each customer got, by e-mail address in lower case."""
        found: dict[str, list[ShipmentLine]] = defaultdict(list)
        for line in self.left:
            found[line.shipment.order.email.lower()].append(line)
        return found


@dataclass(slots=True)
class Outcome:
    """What one run of a recall did: references that lost their stock, addresses told now and before."""

    short: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    told_before: list[str] = field(default_factory=list)


def lots_named(code: str) -> list[Lot]:
    """Return the lots of a batch code, of a supplier's lot or of our raw lot's code.

    :raises NotFound: if there is none.
    """
    own = Lot.objects.filter(code__iexact=code.strip())
    found = Lot.objects.filter(pk__in=own.values("pk")) | inventory.lots_from(code.strip())
    lots = list(found.select_related("variant__product").order_by("variant_id", "pk"))
    if not lots:
        raise NotFound(f"No lot and no supplier's lot is called {code}.", fields={"code": ["Not known."]})
    return lots


def trace(lots: Sequence[Lot]) -> Trace:
    """Return where the units of lots are, bundles included. Writes nothing: this is the dry run."""
    return Trace(
        lots,
        list(_lines(lots).filter(shipment__status__in=Shipment.LEFT)),
        list(_lines(lots).filter(shipment__status=Shipment.Status.PACKED)),
    )


def recall(lots: Sequence[Lot], *, reason: str, actor: User | None, at: datetime, code: str = "") -> Outcome:
    """Freeze what is left of lots and write one notice to each customer who got any of it.

    `code` is what staff named: a supplier's lot is marked, so that nothing made of it later is released.

    However often it is run, a customer is told about a lot once; who got two of these lots gets one mail.
    `reason` is read by customers: what is wrong and what to do.
    """
    outcome = Outcome()
    if code.strip():
        inventory.recall_raw(code.strip())
    for lot in lots:
        with transaction.atomic(durable=True):
            taken = inventory.recall(lot, actor=actor, cause=f"recall:{lot.pk}", at=at, reason=reason[:200])
        outcome.short += taken.short
    for email, lines in sorted(trace(lots).customers.items()):
        told = outcome.told if _tell(email, lines, reason, actor=actor, at=at) else outcome.told_before
        told.append(email)
    return outcome


def rows(found: Trace) -> Iterator[list[str]]:
    """Yield a trace as rows for a spreadsheet, the header first: one row a parcel and lot."""
    told = {
        (lot_id, email): moment
        for lot_id, email, moment in RecallNotice.objects.filter(lot__in=found.lots).values_list(
            "lot_id", "email", "created_at"
        )
    }
    yield list(COLUMNS)
    for line in [*found.left, *found.waiting]:
        order, lot = line.shipment.order, line.lot
        moment = told.get((line.lot_id or 0, order.email.lower()))
        address = line.shipment.address
        ends_on = lot.best_before_on if lot else None
        texts = (
            lot.code if lot else "", ends_on.isoformat() if ends_on else "", line.sku,
            line.variant.product.name, f"{line.quantity}", order.reference, line.shipment.reference,
            line.shipment.status, _time(line.shipment.dispatched_at), address.get("name", ""), order.email,
            address.get("phone", ""), address.get("country", ""), address.get("postal_code", ""),
            _time(moment),
        )  # fmt: skip
        yield [safe(text) for text in texts]


@transaction.atomic(durable=True)
def _tell(
    email: str, lines: Iterable[ShipmentLine], reason: str, *, actor: User | None, at: datetime
) -> bool:
    """Write the notice for the lots that a customer has not been told about; return whether there was one."""
    by_lot: dict[int, list[ShipmentLine]] = defaultdict(list)
    for line in lines:
        by_lot[line.lot_id or 0].append(line)
    fresh: list[RecallNotice] = []
    for lot_id, mine in sorted(by_lot.items()):
        # A twin that runs at the same moment waits here for the unique index, and then finds the row.
        notice, created = RecallNotice.objects.get_or_create(
            lot_id=lot_id,
            email=email,
            defaults={"units": sum(line.quantity for line in mine), "sent_by": actor, "created_at": at},
        )
        if created:
            fresh.append(notice)
    if not fresh:
        return False
    concerned = [line for notice in fresh for line in by_lot[notice.lot_id]]
    occasion = sha256(email.encode()).hexdigest()[:32]
    letter = emails.recall_notice(
        concerned, reason=reason, subject_key=f"lot:{fresh[0].lot_id}", occasion=occasion
    )
    message = outbox.enqueue(letter, to=concerned[-1].shipment.order.email, at=at)
    RecallNotice.objects.filter(pk__in=[notice.pk for notice in fresh]).update(message=message)
    return True


def _lines(lots: Sequence[Lot]) -> "QuerySet[ShipmentLine]":
    rows = ShipmentLine.objects.filter(lot__in=lots).order_by("pk")
    return rows.select_related("shipment__order", "lot", "variant__product")


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else ""
