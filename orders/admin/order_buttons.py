"""The buttons of an order: each asks first, then calls one verb."""

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant

from orders import checkout, lifecycle, reconciler, refunds, settlement
from orders.admin import looks, paper, parcel_buttons
from orders.admin.forms import FindingForm, RefundPartForm, RefundRestForm
from orders.admin.parcel_buttons import ParcelButtons
from orders.admin.return_forms import OPEN, OpenReturnForm, opened
from orders.admin.sending_money import send_refund, stripe_in_words
from orders.models import Order, Payment
from orders.returns import cancellation, receiving
from shop.accounts.models import User
from shop.admin import Question, ReasonForm, act, key_of
from shop.clock import reading
from shop.mail import outbox
from shop.mail.models import OutboxMessage
from shop.money import format_money


def staff(request: HttpRequest) -> User:
    """Return who pressed the button: no page of the admin is without somebody."""
    return cast(User, request.user)


class OrderButtons(ParcelButtons, paper.OrderPaper, ModelAdmin):
    """What staff may do to an order. A button is there only while its verb could succeed."""

    actions_detail = (
        "pack_order",
        {"title": "Change", "icon": "edit", "items": ["change_address", "remove_pieces"]},
        "ask_stripe",
        "finish_review",
        "send_confirmation",
        {"title": "Paper", "icon": "print", "items": ["invoice", "packing_slip"]},
        {"title": "Refund", "icon": "undo", "items": ["refund_part", "refund_rest"]},
        "open_return",
        "cancel_order",
    )

    def has_act_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The rows are read-only; whoever may change orders may press the buttons."""
        return request.user.has_perm("orders.change_order")

    def has_refund_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """How much is a matter of the role's limit, see `refunds.request_refund`."""
        return request.user.has_perm("orders.add_striperefund")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        order = self.get_object(request, str(object_id))
        if order is None:
            return []
        possible = {f"orders_order_{name}" for name in _possible(order)}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in possible]

    @action(description="Ask Stripe again", icon="sync", permissions=["view"])
    def ask_stripe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)

        def verb(_: dict[str, Any]) -> str:
            with stripe_in_words():
                reconciler.check_payment(order.payment, at=reading.now())
            payment = Payment.objects.select_related("order").get(order=order)
            said = looks.words(payment.intent_status) or "nothing was ever asked of it"
            return f"Stripe says: {said}. The order is {looks.words(payment.order.payment_status)}."

        question = Question(
            "Ask Stripe again", "Read the payment at Stripe and apply what it says.", "Ask Stripe"
        )
        return act(self, request, order, question, verb)

    @action(description="Cancel", icon="block", variant=ActionVariant.DANGER, permissions=["act"])
    def cancel_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)

        def verb(given: dict[str, Any]) -> str:
            at = reading.now()
            if order.is_paid:
                refund = cancellation.cancel_paid(order, reason=given["reason"], actor=staff(request), at=at)
                return send_refund(refund, at=at) if refund is not None else "Cancelled."
            with stripe_in_words():
                intent = checkout.cancel(order, reason=given["reason"], actor=staff(request), at=at)
                if intent is not None:
                    settlement.observe(intent, at=at)
            order.refresh_from_db()
            return f"Order {order.reference} is {order.status} and {looks.words(order.payment_status)}."

        question = Question(
            "Cancel the order",
            "Nothing of it is packed. It ends, its stock is free again, refills that it began end too, and "
            "all that was paid goes back."
            if order.is_paid
            else "The payment is cancelled at Stripe first, then the order ends and its stock is free again. "
            "If the customer has paid meanwhile, the order stands.",
            "Cancel the order",
            is_dangerous=True,
        )
        return act(self, request, order, question, verb, form=ReasonForm(request.POST or None))

    @action(description="Open a return", icon="keyboard_return", permissions=["act"])
    def open_return(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        form = OpenReturnForm(request.POST or None, order=order)
        actor = staff(request)
        return act(self, request, order, OPEN, lambda _: opened(form, order, actor=actor), form=form)

    @action(description="Everything that is left", icon="undo", permissions=["refund"])
    def refund_rest(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        form = RefundRestForm(request.POST or None, order=order)
        left = format_money(form.left, order.currency)
        question = Question(
            "Refund everything that is left",
            f"{left} goes back to the customer. No stock comes back by this.",
            f"Refund {left}",
            is_dangerous=True,
        )

        def verb(given: dict[str, Any]) -> str:
            return _refund(request, order, given, {})

        return act(self, request, order, question, verb, form=form)

    @action(description="An amount or some units", icon="undo", permissions=["refund"])
    def refund_part(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        form = RefundPartForm(request.POST or None, order=order)
        question = Question(
            "Refund a part",
            "Give an amount, or units of a line with or without the shipping. No stock comes back by this.",
            "Refund",
            is_dangerous=True,
        )

        def verb(given: dict[str, Any]) -> str:
            return _refund(request, order, given, given["what"])

        return act(self, request, order, question, verb, form=form)

    @action(description="Finish review", icon="task_alt", permissions=["act"])
    def finish_review(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)

        def verb(given: dict[str, Any]) -> str:
            lifecycle.finish_review(order, finding=given["finding"], actor=staff(request), at=reading.now())
            return f"Order {order.reference} may go on."

        question = Question(
            "Finish the review", f"It was stopped because: {order.review_reason or '–'}.", "Let it go on"
        )
        return act(self, request, order, question, verb, form=FindingForm(request.POST or None))

    @action(description="Resend confirmation", icon="mail", permissions=["act"])
    def send_confirmation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        message = _confirmations(order).first()
        if message is None:
            raise Http404

        def verb(_: dict[str, Any]) -> str:
            at = reading.now()
            outbox.send_copy(message, actor=staff(request), at=at)
            words = f"The confirmation was sent again to {message.to}."
            lifecycle.note(order, "confirmation_resent", words, at=at, actor=staff(request))
            return f"The confirmation goes to {message.to} again."

        question = Question("Resend the confirmation", f"The same mail goes to {message.to} again.", "Send")
        return act(self, request, order, question, verb)


def _order(object_id: str) -> Order:
    rows = Order.objects.select_related("payment")
    return get_object_or_404(rows, pk=key_of(object_id))


def _possible(order: Order) -> set[str]:
    """Return the names of the buttons whose verbs could succeed on an order as it stands."""
    payment = Payment.objects.filter(order=order).first()
    possible = parcel_buttons.possible(order) | ({"ask_stripe"} if payment is not None else set())
    if payment is not None and refunds.refundable(payment) > 0:
        possible |= {"refund_rest", "refund_part"}
    is_cancellable = not cancellation.refusal(order) if order.is_paid else True
    if lifecycle.can_end(order, Order.Status.CANCELLED) and is_cancellable:
        possible.add("cancel_order")
    if any(receiving.returnable(order).values()):
        possible.add("open_return")
    if order.review_reason:
        possible.add("finish_review")
    possible |= paper.possible(order)
    if _confirmations(order).exists():
        possible.add("send_confirmation")
    return possible


def _confirmations(order: Order) -> Any:
    rows = OutboxMessage.objects.filter(kind="order_confirmation", subject_key=f"order:{order.reference}")
    return rows.filter(copy_of__isnull=True)


def _refund(request: HttpRequest, order: Order, given: dict[str, Any], what: dict[str, Any]) -> str:
    """Write the refund down, then ask Stripe for it outside of that transaction."""
    at = reading.now()
    refund = refunds.request_refund(
        order,
        **what,
        expected_left=given["expected_left"],
        reason=given["reason"],
        actor=staff(request),
        at=at,
    )
    return send_refund(refund, at=at)
