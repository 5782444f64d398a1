"""The history of one subscription: everything that any row knows of it, newest first, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.admin import looks
from orders.models import (
    BillingCycle,
    Consent,
    OrderEvent,
    PaymentAttempt,
    PriceRise,
    Refill,
    Subscription,
)
from shop.admin import badges, on_day, when
from shop.mail.models import OutboxMessage
from shop.money import format_money

PAGE = 40
# Each kind of row is asked for so many: more than a page, so that nothing of one moment is torn apart.
FETCHED = 60
COLOURS = {"change": "info", "charge": "warning", "refill": "success", "price": "warning"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: when, of what kind, in words, by whom, and the record that tells more."""

    at: datetime
    kind: str
    words: str
    who: str = "the shop"
    link: str = ""

    def cells(self) -> tuple[str | SafeString, ...]:
        """Return the entry as a row of a table."""
        # May break over lines: on a phone a mail's subject is wider than the page.
        shown = '<a class="underline" href="{}">{}</a>'
        words = format_html(shown, self.link, self.words) if self.link else self.words
        return when(self.at), badges((self.kind, COLOURS.get(self.kind, "default"))), words, self.who


def page_of(row: Subscription, *, before: datetime | None) -> tuple[list[Entry], datetime | None]:
    """Return the newest entries before a moment, and where the next page begins; None after the last.

    Ten queries, however long the history is.
    """
    refills = list(_cut(_refills_of(row), "created_at", before))
    orders = {refill.order_id for refill in refills if refill.order_id} | {row.started_by.order_id}
    found = [
        *_begun(row),
        *_of_refills(refills),
        *_of_cycles(row, before),
        *_of_changes(row, before),
        *_of_orders(orders, before),
        *_of_charges(orders, before),
        *_of_mails(row, refills, before),
        *_of_prices(row, before),
        *_of_extras(row, before),
    ]
    shown = sorted(
        (entry for entry in found if before is None or entry.at < before), key=_order, reverse=True
    )
    if len(shown) <= PAGE:
        return shown, None
    last = shown[PAGE - 1].at
    return [entry for entry in shown if entry.at >= last], last


def _order(entry: Entry) -> tuple[datetime, str]:
    return entry.at, entry.kind


def _cut(rows: QuerySet[Any], field: str, before: datetime | None) -> QuerySet[Any]:
    """Return the newest rows before a moment."""
    if before is not None:
        rows = rows.filter(**{f"{field}__lt": before})
    return rows.order_by(f"-{field}")[:FETCHED]


def _refills_of(row: Subscription) -> QuerySet[Refill]:
    """The refills that hold its cycles, and those of its customer that were taken apart: they hold none."""
    dissolved = Q(customer_id=row.customer_id, status=Refill.Status.SKIPPED, cycles=None)
    return Refill.objects.filter(Q(cycles__subscription=row) | dissolved).select_related("order").distinct()


def _begun(row: Subscription) -> Iterator[Entry]:
    order = row.started_by.order
    link = reverse("admin:orders_order_change", args=[order.pk])
    yield Entry(row.created_at, "change", f"Begun by order {order.reference}.", "its owner", link)


def _of_refills(refills: list[Refill]) -> Iterator[Entry]:
    for refill in refills:
        link = reverse("admin:orders_refill_change", args=[refill.pk])
        total = format_money(refill.quoted_total or 0, refill.currency)
        gone = " Taken apart since." if refill.status == Refill.Status.SKIPPED else ""
        told = [
            (refill.created_at, f"Refill {refill.reference} planned, at most {total}.{gone}"),
            (refill.asked_at, f"Refill {refill.reference} was asked for at once."),
            (refill.claimed_at, f"Refill {refill.reference} claimed to be charged."),
            (refill.short_since, f"Refill {refill.reference} waits for stock."),
            (refill.first_declined_at, f"Refill {refill.reference} was declined for the first time."),
            (refill.paid_at, f"Refill {refill.reference} is paid."),
        ]
        yield from (Entry(at, "refill", words, link=link) for at, words in told if at is not None)


def _of_cycles(row: Subscription, before: datetime | None) -> Iterator[Entry]:
    closed = BillingCycle.objects.filter(subscription=row, closed_at__isnull=False)
    for cycle in _cut(closed, "closed_at", before):
        words = f"No. {cycle.index}, due on {on_day(cycle.due_on)}: {cycle.status}."
        yield Entry(cycle.closed_at, "cycle", words)


def _of_changes(row: Subscription, before: datetime | None) -> Iterator[Entry]:
    """What was done to it, and what its owner agreed to: the same words twice are one entry."""
    agreed = Consent.objects.filter(Q(subscription=row) | Q(order=row.started_by.order_id, kind="refill"))
    kept = {(consent.given_at, consent.text): consent for consent in _cut(agreed, "given_at", before)}
    for event in _cut(row.events.select_related("actor"), "at", before):
        consent = kept.pop((event.at, event.message), None)
        words = f"{event.message} (consent kept)" if consent is not None else event.message
        yield Entry(event.at, "change", words, str(event.actor or event.get_by_display()))
    for (given_at, text), consent in kept.items():
        link = reverse("admin:orders_consent_change", args=[consent.pk])
        yield Entry(given_at, "consent", f"Agreed: {text}"[:200], "its owner", link)


def _of_orders(orders: set[int], before: datetime | None) -> Iterator[Entry]:
    rows = OrderEvent.objects.filter(order__in=orders).select_related("order", "actor")
    for event in _cut(rows, "at", before):
        link = reverse("admin:orders_order_change", args=[event.order_id])
        words = f"{event.order.reference}: {event.message}"
        yield Entry(event.at, "order", words, str(event.actor or "the shop"), link)


def _of_charges(orders: set[int], before: datetime | None) -> Iterator[Entry]:
    rows = PaymentAttempt.objects.filter(payment__order__in=orders, kind=PaymentAttempt.Kind.CONFIRM)
    for attempt in _cut(rows.select_related("payment"), "started_at", before):
        link = reverse("admin:orders_payment_change", args=[attempt.payment_id])
        why = attempt.decline_code or attempt.error_code
        amount = format_money(attempt.payment.amount, attempt.payment.currency)
        words = f"{amount}, try {attempt.number}: {attempt.outcome}{f', {looks.words(why)}' if why else ''}."
        yield Entry(attempt.started_at, "charge", words, link=link)


def _of_mails(row: Subscription, refills: list[Refill], before: datetime | None) -> Iterator[Entry]:
    keys = [f"subscription:{row.reference}", *(f"refill:{refill.reference}" for refill in refills)]
    if row.card_id is not None:
        keys.append(f"card:{row.card_id}")
    rows = OutboxMessage.objects.filter(subject_key__in=keys).defer("text", "html")
    for mail in _cut(rows, "created_at", before):
        link = reverse("admin:mail_outboxmessage_change", args=[mail.pk])
        yield Entry(mail.created_at, "mail", f"{mail.subject} ({mail.status})", link=link)


def _of_prices(row: Subscription, before: datetime | None) -> Iterator[Entry]:
    rises = PriceRise.objects.filter(subscription=row).select_related("decided_by")
    for rise in _cut(rises, "decided_at", before):
        old, new = (format_money(amount, row.currency) for amount in (rise.old_price, rise.new_price))
        who = str(rise.decided_by or "the shop")
        words = f"{old} → {new} a piece from {when(rise.applies_at)}: {rise.status}."
        yield Entry(rise.decided_at, "price", words, who)
        if rise.ended_at is not None:
            yield Entry(rise.ended_at, "price", f"{old} → {new} a piece: {rise.status}.")


def _of_extras(row: Subscription, before: datetime | None) -> Iterator[Entry]:
    for extra in _cut(row.extras.select_related("variant"), "added_at", before):
        what = looks.units(extra.quantity, extra.variant.sku)
        yield Entry(extra.added_at, "once", f"{what} to come along once.", "its owner")
        if extra.ended_at is not None:
            yield Entry(extra.ended_at, "once", f"{what}: {extra.status}.")
