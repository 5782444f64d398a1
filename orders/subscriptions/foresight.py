"""What owners of refills are told long before a charge: cards that end, and once a year the terms."""

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import ExtractMonth, ExtractYear

from orders.emails import refill_notices as letters
from orders.models import BillingCycle, Customer, SavedCard, Subscription
from orders.subscriptions import cycles, sweeps
from shop.mail import outbox

# Days before a card ends on which its owner is told, once each.
CARD_NOTICES = (7, 30)


def tell_expiring_cards(*, at: datetime, limit: int = 200) -> int:
    """Tell owners whose card ends before their next refill, 30 and 7 days ahead; return how many.

    A card is good until the last day of its month. One that its bank renews begins anew.
    """
    told = 0
    for days in CARD_NOTICES:
        last = (at + timedelta(days=days)).date()
        ends_by = SavedCard.objects.annotate(ends=F("exp_year") * 12 + F("exp_month"))
        ending = ends_by.filter(
            Exists(_later_than_card()), removed_at__isnull=True, ends__lt=last.year * 12 + last.month
        ).exclude(expiry_told_month=F("ends"), expiry_told_days__lte=days)
        # Said once more as the index says it: who was told for the last time is not looked at again.
        ending = ending.exclude(expiry_told_month=F("ends"), expiry_told_days__lte=min(CARD_NOTICES))
        # In the index's own order: with any other, all are sorted first, by parallel workers.
        ids = list(ending.order_by("ends").values_list("pk", flat=True)[:limit])
        told += sweeps.each(ids, partial(_tell_card, days=days, at=at))
    return told


def remind_of_terms(*, at: datetime, limit: int = 200) -> int:
    """Remind owners of what they agreed on, as often as their region asks for; return how many."""
    due = Q()
    for country, days in settings.REFILL_TERMS_EVERY_DAYS.items():
        due |= Q(shipping_address__country=country, terms_told_at__lte=at - timedelta(days=days))
    elsewhere = ~Q(shipping_address__country__in=list(settings.REFILL_TERMS_EVERY_DAYS))
    due |= elsewhere & Q(terms_told_at__lte=at - timedelta(days=settings.REFILL_TERMS_EVERY_DAYS_ELSEWHERE))
    # What holds of all of them leads to the index; which of them it is, the regions say.
    soonest = min([settings.REFILL_TERMS_EVERY_DAYS_ELSEWHERE, *settings.REFILL_TERMS_EVERY_DAYS.values()])
    long_ago = Subscription.objects.filter(terms_told_at__lte=at - timedelta(days=soonest))
    rows = long_ago.filter(due, status=Subscription.Status.ACTIVE)
    customers = rows.order_by("customer_id").values_list("customer_id", flat=True).distinct()
    return sweeps.each(list(customers[:limit]), partial(_remind, at=at))


def _later_than_card() -> QuerySet[BillingCycle]:
    """The refills to come of a card, after its last month."""
    coming = BillingCycle.objects.filter(
        status=BillingCycle.Status.OPEN,
        subscription__card=OuterRef("pk"),
        subscription__status=Subscription.Status.ACTIVE,
    )
    month = ExtractYear("due_on") * 12 + ExtractMonth("due_on")
    return coming.annotate(month=month).filter(month__gt=OuterRef("exp_year") * 12 + OuterRef("exp_month"))


@transaction.atomic(durable=True)
def _tell_card(card_id: int, days: int, *, at: datetime) -> int:
    card = SavedCard.objects.select_for_update(of=("self",)).select_related("customer").get(pk=card_id)
    ends = card.exp_year * 12 + card.exp_month
    if card.expiry_told_month == ends and (card.expiry_told_days or 0) <= days:
        return 0
    waiting = list(
        card.subscriptions.filter(status=Subscription.Status.ACTIVE)
        .select_related("variant__product", "started_by__order", "customer")
        .order_by("pk")
    )
    card.expiry_told_month, card.expiry_told_days = ends, days
    card.save(update_fields=["expiry_told_month", "expiry_told_days"])
    outbox.enqueue(letters.card_expiring(card, waiting, days), to=card.customer.email, at=at)
    return 1


@transaction.atomic(durable=True)
def _remind(customer_id: int, *, at: datetime) -> int:
    locked = cycles.lock_subscriptions(customer_id)
    rows = [row for row in locked if row.status == Subscription.Status.ACTIVE]
    if not rows:
        return 0
    Subscription.objects.filter(pk__in=[row.pk for row in locked]).update(terms_told_at=at)
    customer = Customer.objects.get(pk=customer_id)
    letter = letters.terms_reminder(customer, rows, at)
    return int(outbox.enqueue(letter, to=customer.email, at=at) is not None)
