"""The buttons of one subscription: each asks first, calls one verb, and keeps the name of who pressed it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant

from orders import addresses, tasks
from orders.admin import refill_forms as asked
from orders.models import BillingCycle, Refill, Subscription
from orders.subscriptions import access, changes, cycles, diary, holding, sending, swaps, tags
from shop.accounts.models import User
from shop.admin import Question, act, key_of, on_day
from shop.clock import reading
from shop.exceptions import InvalidInput, ShopError
from shop.money import format_money

# What is done with the form's words at a moment; returns the subscription as it is then.
Verb = Callable[[Subscription, dict[str, Any], datetime], Subscription]
AT_WORK = (Refill.Status.CLAIMED, Refill.Status.CHARGING)


class SubscriptionButtons(ModelAdmin):
    """What staff may do to a subscription. A button is there only while its verb could succeed."""

    actions_detail = (
        {"title": "Dates", "icon": "event", "items": ["skip_next", "unskip", "shift"]},
        {"title": "What and how often", "icon": "tune", "items": ["rhythm", "quantity", "swap"]},
        {"title": "Card and address", "icon": "contact_mail", "items": ["card_link", "elsewhere"]},
        "pause_until",
        "resume_now",
        "send_now",
        "cancel_it",
    )

    def has_steer_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The rows are read-only; whoever may change subscriptions may press the buttons."""
        return request.user.has_perm("orders.change_subscription")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        can = {f"orders_subscription_{name}" for name in possible(row, at=reading.now())}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in can]

    @action(description="Pause", icon="pause", permissions=["steer"])
    def pause_until(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def verb(row: Subscription, given: dict[str, Any], at: datetime) -> Subscription:
            return changes.pause(row, until=given["until"], reason="Paused by staff.", at=at)

        words = "Nothing is charged meanwhile. What was announced is taken back, and its owner gets a mail."
        question = Question("Pause", words, "Pause")
        return self._ask(request, object_id, question, verb, asked.PauseForm)

    @action(description="Resume", icon="play_arrow", permissions=["steer"])
    def resume_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _row(object_id)
        why = f"It rests: {row.status_reason or 'paused'} " if row.status == "paused" else ""
        words = f"{why}It goes on by its old rhythm; days that have passed are left out."
        return self._ask(
            request,
            object_id,
            Question("Take it up again", words, "Resume"),
            lambda row, given, at: changes.resume(row, by_staff=True, at=at),
        )

    @action(description="Skip the next refill", icon="skip_next", permissions=["steer"])
    def skip_next(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = f"{_due_in_words(_row(object_id))} It is left out; the one after it keeps its date."
        return self._ask(
            request,
            object_id,
            Question("Skip the next refill", words, "Skip it"),
            lambda row, given, at: changes.skip(row, at=at),
        )

    @action(description="Take the skip back", icon="undo", permissions=["steer"])
    def unskip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(
            request,
            object_id,
            Question("Take the skip back", "The refill that was left out comes after all.", "Take it back"),
            lambda row, given, at: changes.unskip(row, at=at),
        )

    @action(description="Shift by days", icon="event_upcoming", permissions=["steer"])
    def shift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def verb(row: Subscription, given: dict[str, Any], at: datetime) -> Subscription:
            cycle = row.cycles.filter(status=BillingCycle.Status.OPEN).first()
            if cycle is None:
                raise holding.SubscriptionEnded("It was cancelled meanwhile: there is no date to move.")
            return changes.reschedule(row, next_on=cycle.due_on + timedelta(days=given["days"]), at=at)

        words = f"{_due_in_words(_row(object_id))} What was announced is announced afresh."
        question = Question("Shift the next refill", words, "Shift")
        return self._ask(request, object_id, question, verb, asked.ShiftForm)

    @action(description="How often", icon="event_repeat", permissions=["steer"])
    def rhythm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = "The next day is one new interval after the last one. Between a week and a year."
        return self._ask(
            request,
            object_id,
            Question("Change how often it comes", words, "Change"),
            lambda row, given, at: changes.reschedule(
                row, unit=given["unit"], count=given["interval"], at=at
            ),
            asked.RhythmForm,
        )

    @action(description="How many", icon="123", permissions=["steer"])
    def quantity(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = "What is announced is quoted again; if it rises, its owner is told and 48 hours pass."
        return self._ask(
            request,
            object_id,
            Question("Change how many come", words, "Change"),
            lambda row, given, at: changes.change_quantity(row, quantity=given["quantity"], at=at),
            asked.QuantityForm,
        )

    @action(description="Another size or scent", icon="swap_horiz", permissions=["steer"])
    def swap(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = "From the next refill on, at its refill price of today. Its owner gets a mail."
        return self._ask(
            request,
            object_id,
            Question("Send something else", words, "Swap"),
            lambda row, given, at: swaps.swap(row, sku=given["sku"], at=at),
            asked.SwapForm,
        )

    @action(description="Mail a link for another card", icon="credit_card", permissions=["steer"])
    def card_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _row(object_id)
        words = f"{row.customer.email} gets a link to the page that takes another card. You do not see it."
        return self._ask(
            request,
            object_id,
            Question("Mail a link for another card", words, "Mail it"),
            lambda row, given, at: access.send_card_link(row, at=at),
        )

    @action(description="Send it elsewhere", icon="edit_location", permissions=["steer"])
    def elsewhere(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def verb(row: Subscription, given: dict[str, Any], at: datetime) -> Subscription:
            address = {name: given[name] for name in addresses.FIELDS}
            try:
                return changes.change_address(row, address=address, at=at)
            except InvalidInput as refusal:
                named = {name.rpartition(".")[2]: words for name, words in refusal.fields.items()}
                raise InvalidInput(refusal.detail, fields=named) from refusal

        words = "From the next refill on. What was announced is announced afresh, with its new total."
        question = Question("Send it elsewhere", words, "Change the address")
        return self._ask(request, object_id, question, verb, asked.ElsewhereForm)

    @action(description="Send now", icon="bolt", permissions=["steer"])
    def send_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _row(object_id)
        total, words = _preview(row)

        def verb(row: Subscription, given: dict[str, Any], at: datetime) -> Subscription:
            sent = sending.send_now(row, expected_total=given["expected_total"], at=at)
            diary.note(row, f"Sent at once; how they asked: {given['asked']}", at=at)
            tasks.wake(tasks.dispatch_due_refills)
            return sent

        def form(*args: Any, **kwargs: Any) -> forms.Form:
            return asked.SendNowForm(*args, total=total, **kwargs)

        return self._ask(request, object_id, Question("Send now", words, "Charge and send"), verb, form)

    @action(description="Cancel", icon="block", variant=ActionVariant.DANGER, permissions=["steer"])
    def cancel_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = "For good: nothing is charged for it any more. Its owner gets a confirmation."
        return self._ask(
            request,
            object_id,
            Question("Cancel the subscription", words, "Cancel it", is_dangerous=True),
            lambda row, given, at: changes.cancel(row, reason=given["reason"], at=at),
            asked.CancelForm,
        )

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        question: Question,
        verb: Verb,
        shape: Callable[..., forms.Form] = asked.SeenForm,
    ) -> HttpResponse:
        """Ask, then act in the name of who pressed the button, on what they saw and nothing later."""
        row = _row(object_id)
        form = shape(request.POST or None, row=row, seen=_tag(row))

        def act_on(given: dict[str, Any]) -> str:
            row.seen_tag = given["seen"]
            row.acted_by = cast(User, request.user)
            at = reading.now()
            after = verb(row, given, at)
            newest = after.events.order_by("-pk").first()
            return newest.message if newest is not None else f"{after.reference} is changed."

        return act(self, request, row, question, act_on, form=form)


def possible(row: Subscription, *, at: datetime) -> set[str]:
    """Return the names of the buttons whose verbs could succeed as it stands."""
    cycle = row.cycles.filter(status=BillingCycle.Status.OPEN).select_related("refill").first()
    if row.status == Subscription.Status.CANCELLED or cycle is None:
        return set()
    refill = cycle.refill if cycle.refill is not None and cycle.refill.status in Refill.OPEN else None
    if refill is not None and refill.status in AT_WORK:
        return {"cancel_it"}
    if row.status == Subscription.Status.PAUSED:
        return {"resume_now", "swap", "quantity", "elsewhere", "card_link", "cancel_it"}
    found = {"pause_until", "skip_next", "card_link", "cancel_it"}
    if refill is None or refill.order_id is None:
        found |= {"shift", "rhythm", "quantity", "swap", "elsewhere"}
        if row.card_id is not None and (refill is None or refill.asked_at is None):
            found.add("send_now")
    before = row.cycles.filter(index__lt=cycle.index).order_by("-index").first()
    is_skipped = before is not None and before.status == BillingCycle.Status.SKIPPED and before.due_at > at
    if before is not None and is_skipped and cycles.is_in_rhythm(before, row):
        found.add("unskip")
    return found


def _row(object_id: str) -> Subscription:
    rows = Subscription.objects.select_related("customer", "variant__product", "card", "started_by__order")
    return get_object_or_404(rows, pk=key_of(object_id))


def _tag(row: Subscription) -> str:
    return tags.of_subscription(row, row.cycles.filter(status=BillingCycle.Status.OPEN).first())


def _due_in_words(row: Subscription) -> str:
    cycle = row.cycles.filter(status=BillingCycle.Status.OPEN).first()
    return f"The next refill is due on {on_day(cycle.due_on)}." if cycle is not None else ""


def _preview(row: Subscription) -> tuple[int | None, str]:
    """Return what sending now would cost, and the words that say so."""
    try:
        quote = sending.preview(row, at=reading.now())
    except ShopError as refusal:
        return None, refusal.detail
    held = ", ".join(f"{line.priced.quantity} × {line.priced.variant.sku}" for line in quote.lines)
    total = format_money(quote.total, quote.currency)
    return quote.total, f"{total} is charged to the {row.card} at once, for {held}. No notice is waited for."
