"""The withdrawal function: a form, a page to look it over, a confirmation. No login, nothing to be known.

The answer is the same whether there is such an order or not; which one it is, is found afterwards.
Source: Directive 2011/83/EU as amended by (EU) 2023/2673, article 11a.
"""

import uuid

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from orders import tasks
from orders.models import Withdrawal
from orders.returns import withdrawals
from orders.returns.withdrawals import Statement
from shop.api import client_ip, client_network
from shop.api.limits import Limit, spend
from shop.clock import reading
from shop.exceptions import TooManyRequests
from shop.storefront.forms import WithdrawalForm
from shop.storefront.held import held_order

_SALT = "storefront.withdrawal"
RECEIPT_SHOWN_FOR_S = 3600


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def declare(request: HttpRequest) -> HttpResponse:
    """Take a statement in two steps: what was typed is shown once more, then it is declared."""
    if request.method != "POST":
        return _form(request, WithdrawalForm(initial={"statement": withdrawals.USUAL_WORDS}))
    form = WithdrawalForm(request.POST)
    if not form.is_valid() or "edit" in request.POST:
        return _form(request, form)
    if "confirm" not in request.POST:
        return render(
            request, "storefront/withdraw_review.html", {"form": form, "form_key": uuid.uuid4().hex}
        )
    return _declare(request, form)


@never_cache
@require_safe
def of_order(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form to somebody who holds an order, with what we know filled in."""
    order = held_order(token)
    known = {
        "name": order.billing_address.get("name", ""),
        "email": order.email,
        "order_given": order.reference,
        "statement": withdrawals.USUAL_WORDS,
    }
    return _form(request, WithdrawalForm(initial=known))


@never_cache
@require_safe
def received(request: HttpRequest, token: str) -> HttpResponse:
    """Show that a statement was received, and when.

    :raises Http404: for an address that is not ours, or is an hour old.
    """
    try:
        reference = signing.loads(token, salt=_SALT, max_age=RECEIPT_SHOWN_FOR_S)
    except signing.BadSignature as error:
        raise Http404 from error
    withdrawal = Withdrawal.objects.filter(reference=reference).first()
    if withdrawal is None:
        raise Http404
    return render(request, "storefront/withdraw_received.html", {"withdrawal": withdrawal})


def _form(request: HttpRequest, form: WithdrawalForm) -> HttpResponse:
    return render(request, "storefront/withdraw.html", {"form": form})


def _declare(request: HttpRequest, form: WithdrawalForm) -> HttpResponse:
    """Keep the statement. Nothing is dropped in silence: over the limit the visitor is told, and what was
    typed stays on the page.
    """
    given = form.cleaned_data
    try:
        spend(
            Limit("withdrawals_per_ip", client_network(client_ip(request))),
            Limit("withdrawals_per_email", given["email"].casefold()),
        )
    except TooManyRequests as refusal:
        messages.error(request, f"Your statement was NOT received. {refusal.detail}")
        answer = _form(request, form)
        answer.status_code = 429
        return answer
    statement = Statement(
        name=given["name"],
        email=given["email"],
        order_given=given["order_given"],
        text=given["statement"],
        form_key=given["form_key"],
    )
    withdrawal = withdrawals.receive(statement, source=Withdrawal.Source.PAGE, at=reading.now())
    tasks.wake(tasks.match_withdrawals)
    return redirect("withdraw-received", token=signing.dumps(withdrawal.reference, salt=_SALT))
