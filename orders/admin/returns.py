"""The inbox of withdrawals, and goods that come back: announced, looked at, paid for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog import inventory
from orders.admin import looks
from orders.admin.books import order_link
from orders.admin.order_buttons import staff
from orders.admin.return_forms import (
    OPEN,
    InspectionForm,
    MatchForm,
    OpenReturnForm,
    OutcomeForm,
    PayBackForm,
    opened,
)
from orders.admin.sending_money import send_refund
from orders.models import Order, Return, Withdrawal
from orders.returns import cancellation, receiving, withdrawals
from shop.admin import (
    Question,
    ReadOnlyAdmin,
    ReasonForm,
    Table,
    act,
    badges,
    counted,
    key_of,
    on_day,
    register,
    time_column,
    when,
)
from shop.clock import reading

WITHDRAWAL = {"received": "danger", "matched": "warning", "closed": "success"}
RETURN = {"expected": "info", "inspected": "warning", "closed": "success", "cancelled": "danger"}
FINDING = {"sealed": "success", "opened": "warning", "lost": "danger"}


def open_withdrawals(at: datetime) -> QuerySet[Withdrawal]:
    """Return statements that nobody has finished with."""
    return Withdrawal.objects.exclude(status=Withdrawal.Status.CLOSED)


def open_returns(at: datetime) -> QuerySet[Return]:
    """Return what is on its way back, or was looked at and not decided."""
    return Return.objects.filter(status__in=[Return.Status.EXPECTED, Return.Status.INSPECTED])


class Buttons(ReadOnlyAdmin):
    """Rows that only verbs write. Whoever may change them may press the buttons that could succeed."""

    def has_act_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm(f"orders.change_{self.opts.model_name}")

    def possible(self, row: Any) -> set[str]:
        """Return the names of the buttons whose verbs could succeed on a row as it stands."""
        raise NotImplementedError

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        names = {f"orders_{self.opts.model_name}_{name}" for name in self.possible(row)}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in names]


@register(Withdrawal)
class WithdrawalAdmin(Buttons):
    list_display = (
        "reference", "received", "email", "order_given", "order_reference", "status_badge", "deadline",
    )  # fmt: skip
    list_filter = ("status", "source")
    list_select_related = ("order",)
    search_prefixes = {"reference__startswith": str.upper, "email__istartswith": str}
    search_help_text = "The beginning of a receipt's number or of an e-mail address"
    fields = (
        ("reference", "status_badge"), ("received", "source"), ("name", "email"),
        ("order_given", "order_reference"), "deadline", "statement", ("matched", "matched_by"),
        ("closed", "outcome"),
    )  # fmt: skip
    readonly_fields = ("status_badge", "received", "order_reference", "deadline", "matched", "closed")
    actions_detail = ("match_order", "cancel_order", "open_return", "close")

    received = time_column("received_at", "received")
    matched = time_column("matched_at", "matched")
    closed = time_column("closed_at", "closed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Withdrawal]:
        return super().get_queryset(request).prefetch_related("order__shipments")

    def get_tables(self, request: HttpRequest, obj: Withdrawal) -> Sequence[Table]:
        rows = [
            (row.reference, badges((row.status, RETURN[row.status])), when(row.opened_at), row.reason)
            for row in obj.returns.order_by("pk")
        ]
        return [Table("Returns", ("number", "status", "opened", "why"), rows)] if rows else []

    def possible(self, row: Withdrawal) -> set[str]:
        found = {"match_order"} if row.status == Withdrawal.Status.RECEIVED else set()
        if row.status != Withdrawal.Status.CLOSED:
            found.add("close")
        if row.status == Withdrawal.Status.MATCHED and row.order is not None:
            if not cancellation.refusal(row.order):
                found.add("cancel_order")
            if any(receiving.returnable(row.order).values()):
                found.add("open_return")
        return found

    @display(description="status", ordering="status", label=WITHDRAWAL)
    def status_badge(self, row: Withdrawal) -> tuple[str, str]:
        return row.status, "not matched" if row.status == Withdrawal.Status.RECEIVED else row.status

    @admin.display(description="order")
    def order_reference(self, row: Withdrawal) -> SafeString | str:
        return order_link(row.order)

    @admin.display(description="last day")
    def deadline(self, row: Withdrawal) -> str:
        """Say until when a withdrawal was in time, whether this one is, and how many days are left."""
        if row.order is None:
            return "–"
        last = withdrawals.last_day(row.order)
        if last is None:
            return "in time: not all of it has left"
        said = "in time" if withdrawals.is_in_time(row) else "too late"
        left = (last - inventory.shop_date(reading.now())).days
        rest = f", {counted(left, 'day')} left" if left >= 0 else ""
        return f"{on_day(last)}: {said}{rest}"

    @action(description="Match to an order", icon="link", permissions=["act"])
    def match_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _withdrawal(object_id)

        def verb(given: dict[str, Any]) -> str:
            found = withdrawals.match_by_reference(
                row, given["order"], actor=staff(request), at=reading.now()
            )
            return f"{row.reference} belongs to order {found.order} now."

        question = Question(
            "Match to an order",
            f"{row.name} ({row.email}) wrote “{row.order_given}”. Refills that belong to the order end, and "
            "what has not left is held.",
            "Match",
        )
        return act(self, request, row, question, verb, form=MatchForm(request.POST or None))

    @action(description="Cancel the order", icon="block", variant=ActionVariant.DANGER, permissions=["act"])
    def cancel_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _withdrawal(object_id)

        def verb(_: dict[str, Any]) -> str:
            at = reading.now()
            refund = withdrawals.cancel_order(row, actor=staff(request), at=at)
            return send_refund(refund, at=at) if refund is not None else "Cancelled; no money was left."

        question = Question(
            "Cancel the order",
            "Nothing of it is packed: it ends, its stock is free, and all that was paid goes back.",
            "Cancel and refund",
            is_dangerous=True,
        )
        return act(self, request, row, question, verb)

    @action(description="Open a return", icon="keyboard_return", permissions=["act"])
    def open_return(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _withdrawal(object_id)
        order = get_object_or_404(Order, pk=row.order_id)
        form = OpenReturnForm(
            request.POST or None,
            order=order,
            everything=True,
            initial={"reason": f"Withdrawal {row.reference}"},
        )
        return act(
            self,
            request,
            row,
            OPEN,
            lambda _: opened(form, order, actor=staff(request), withdrawal=row),
            form=form,
        )

    @action(description="Close", icon="task_alt", permissions=["act"])
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _withdrawal(object_id)

        def verb(given: dict[str, Any]) -> str:
            withdrawals.close(row, outcome=given["outcome"], actor=staff(request), at=reading.now())
            return f"{row.reference} is closed."

        words = "The customer is not told by this: write to them if they have to know."
        question = Question("Close the statement", words, "Close")
        return act(self, request, row, question, verb, form=OutcomeForm(request.POST or None))


@register(Return)
class ReturnAdmin(Buttons):
    list_display = (
        "reference",
        "opened",
        "order_reference",
        "status_badge",
        "reason",
        "opened_by",
        "paid_back",
    )
    list_filter = ("status",)
    list_select_related = ("order", "opened_by", "refund")
    search_prefixes = {"reference__startswith": str.upper, "order__reference__startswith": str.upper}
    search_help_text = "The beginning of a return's or an order's number"
    fields = (
        ("reference", "status_badge"), ("order_reference", "withdrawal"), "reason", ("opened", "opened_by"),
        ("inspected", "inspected_by"), ("closed", "paid_back"), "decision",
    )  # fmt: skip
    readonly_fields = ("status_badge", "order_reference", "opened", "inspected", "closed", "paid_back")
    actions_detail = ("inspect", "pay_back", "close_unpaid", "cancel_return")

    opened = time_column("opened_at", "opened")
    inspected = time_column("inspected_at", "looked at")
    closed = time_column("closed_at", "closed")

    def get_tables(self, request: HttpRequest, obj: Return) -> Sequence[Table]:
        lines = [
            (
                row.order_line.sku,
                f"{row.order_line.product_name}, {row.order_line.variant_name}",
                row.quantity,
            )
            for row in obj.lines.select_related("order_line").order_by("pk")
        ]
        findings = obj.findings.select_related("component", "lot").order_by("pk")
        found = [
            (row.component.sku, row.lot or "–", badges((row.outcome, FINDING[row.outcome])), row.quantity)
            for row in findings
        ]
        tables = [Table("Announced", ("SKU", "product", "pieces"), lines)]
        return [*tables, Table("Found", ("SKU", "lot", "state", "units"), found)] if found else tables

    def possible(self, row: Return) -> set[str]:
        if row.status == Return.Status.EXPECTED:
            return {"inspect", "cancel_return"}
        return {"pay_back", "close_unpaid"} if row.status == Return.Status.INSPECTED else set()

    @display(description="status", ordering="status", label=RETURN)
    def status_badge(self, row: Return) -> str:
        return row.status

    @admin.display(description="order")
    def order_reference(self, row: Return) -> SafeString | str:
        return order_link(row.order)

    @admin.display(description="paid back")
    def paid_back(self, row: Return) -> str:
        return looks.refund_amount(row.refund)

    @action(description="Look at it", icon="search", permissions=["act"])
    def inspect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _return(object_id)
        form = InspectionForm(request.POST or None, goods_return=row)

        def verb(_: dict[str, Any]) -> str:
            receiving.inspect(row, form.findings(), actor=staff(request), at=reading.now())
            return "Written down. Sealed units wait in their lot until it is released again."

        question = Question(
            "What came back?",
            "Say of each unit how it was found. Sealed ones go back into their lot; no money moves yet.",
            "Write it down",
        )
        return act(self, request, row, question, verb, form=form)

    def has_refund_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whoever looks at what came back need not be who sends money."""
        return self.has_act_permission(request) and request.user.has_perm("orders.add_striperefund")

    @action(description="Pay back", icon="undo", permissions=["refund"])
    def pay_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _return(object_id)
        form = PayBackForm(request.POST or None, goods_return=row)

        def verb(given: dict[str, Any]) -> str:
            at = reading.now()
            refund = receiving.pay_back(
                row, form.pieces(), with_delivery=given["with_delivery"], why=given["why"],
                expected_left=given["expected_left"], actor=staff(request), at=at,
            )  # fmt: skip
            return send_refund(refund, at=at)

        words = "The rule of the goods is filled in: sealed packs are paid back, opened ones are not."
        question = Question("Pay back", words, "Pay back and close", is_dangerous=True)
        return act(self, request, row, question, verb, form=form)

    @action(description="Close without refund", icon="task_alt", permissions=["act"])
    def close_unpaid(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _return(object_id)

        def verb(given: dict[str, Any]) -> str:
            receiving.close_unpaid(row, why=given["reason"], actor=staff(request), at=reading.now())
            return f"{row.reference} is closed; the customer has been told why."

        question = Question("Close without a refund", "The customer reads the reason by mail.", "Close")
        return act(self, request, row, question, verb, form=ReasonForm(request.POST or None))

    @action(description="Nothing came", icon="block", permissions=["act"])
    def cancel_return(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = _return(object_id)

        def verb(given: dict[str, Any]) -> str:
            receiving.cancel_return(row, reason=given["reason"], actor=staff(request), at=reading.now())
            return f"{row.reference} is cancelled; its pieces can be announced again."

        question = Question("Take the return back", "Nothing came, and nothing will.", "Cancel the return")
        return act(self, request, row, question, verb, form=ReasonForm(request.POST or None))


def _withdrawal(object_id: str) -> Withdrawal:
    rows = Withdrawal.objects.select_related("order")
    return get_object_or_404(rows, pk=key_of(object_id))


def _return(object_id: str) -> Return:
    rows = Return.objects.select_related("order__payment")
    return get_object_or_404(rows, pk=key_of(object_id))
