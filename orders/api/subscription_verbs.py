"""What a customer does to a subscription over REST: one address a verb, each answering with what is then."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import tasks
from orders.api import subscription_schemas as schemas
from orders.api.carts import read_body
from orders.api.schemas import NothingSerializer
from orders.api.subscriptions import ETAG, IF_MATCH, SendNowPriceView, SwapChoicesView, held, shown
from orders.models import Subscription
from orders.subscriptions import changes, extras, sending, swaps
from shop.api import client_ip
from shop.api.fields import StrictSerializer
from shop.api.idempotency import run_once
from shop.clock import reading

# Who, what was sent, when, and from where.
Verb = Callable[[Subscription, dict[str, Any], datetime, str | None], object]


def run(
    request: Request,
    reference: str,
    verb: Callable[[Subscription, datetime, str | None], object],
    *,
    then: Callable[[], None] | None = None,
) -> Response:
    """Run a verb on a user's own subscription once, and answer with the subscription as it is then."""
    row = held(request, reference)

    def work() -> Response:
        verb(row, reading.now(), client_ip(request))
        if then is not None:
            then()
        return shown(request, reference)

    return run_once(request, caller=f"user:{request.user.pk}", work=work)


def _view(
    name: str, summary: str, shape: type[StrictSerializer], verb: Verb, *, base: type[APIView] = APIView,
    then: Callable[[], None] | None = None,
) -> URLPattern:  # fmt: skip
    class VerbView(base):  # type: ignore[valid-type, misc]
        takes_idempotency_key = True
        permission_classes = (IsAuthenticated,)

        @extend_schema(
            operation_id=f"subscription_{name.replace('-', '_')}",
            summary=summary,
            parameters=[IF_MATCH, ETAG],
            request=shape,
            responses=schemas.SubscriptionOut,
        )
        def post(self, request: Request, reference: str) -> Response:
            held(request, reference)
            body = read_body(request, shape)
            return run(request, reference, lambda row, at, ip: verb(row, body, at, ip), then=then)

    view: Any = VerbView
    return path(f"subscriptions/<str:reference>/{name}", view.as_view(), name=f"subscription-{name}")


class ItemView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_item_remove",
        summary="Take a one-off item out again",
        parameters=[IF_MATCH, ETAG],
        request=None,
        responses=schemas.SubscriptionOut,
    )
    def delete(self, request: Request, reference: str, item: str) -> Response:
        return run(request, reference, lambda row, at, ip: extras.remove(row, reference=item, at=at))


def _reschedule(row: Subscription, body: dict[str, Any], at: datetime, ip: str | None) -> object:
    interval = body.get("interval", {})
    return changes.reschedule(
        row,
        unit=interval.get("unit"),
        count=interval.get("count"),
        next_on=body.get("next_on"),
        at=at,
        ip_address=ip,
    )


urlpatterns = [
    _view(
        "skip", "Leave out the coming refill", NothingSerializer,
        lambda row, body, at, ip: changes.skip(row, at=at),
    ),
    _view(
        "unskip", "Take back the latest skip", NothingSerializer,
        lambda row, body, at, ip: changes.unskip(row, at=at),
    ),
    _view(
        "pause", "Pause until a day, or until resumed", schemas.PauseSerializer,
        lambda row, body, at, ip: changes.pause(row, until=body["until"], at=at),
    ),
    _view(
        "resume", "Take a paused subscription up again", NothingSerializer,
        lambda row, body, at, ip: changes.resume(row, at=at),
    ),
    _view(
        "change-quantity", "Change how many come", schemas.QuantitySerializer,
        lambda row, body, at, ip: changes.change_quantity(
            row, quantity=body["quantity"], at=at, ip_address=ip
        ),
    ),
    _view("reschedule", "Change the interval, the day, or both", schemas.RescheduleSerializer, _reschedule),
    _view(
        "lengthen", "There is plenty left: let it come about half as seldom again", NothingSerializer,
        lambda row, body, at, ip: changes.lengthen(row, at=at, ip_address=ip),
    ),
    _view(
        "change-card", "Charge another of your saved cards", schemas.CardChoiceSerializer,
        lambda row, body, at, ip: changes.change_card(row, payment_method_id=body["card"], at=at),
    ),
    _view(
        "change-address", "Send to another address", schemas.AddressChangeSerializer,
        lambda row, body, at, ip: changes.change_address(row, address=body["address"], at=at),
    ),
    _view(
        "send-now", "Send the coming parcel now, at the total that was shown", schemas.SendNowSerializer,
        lambda row, body, at, ip: sending.send_now(
            row, expected_total=body["expected_total"], at=at, ip_address=ip
        ),
        base=SendNowPriceView, then=partial(tasks.wake, tasks.dispatch_due_refills),
    ),
    _view(
        "swap", "Get another size or scent instead", schemas.SwapSerializer,
        lambda row, body, at, ip: swaps.swap(row, sku=body["sku"], at=at, ip_address=ip),
        base=SwapChoicesView,
    ),
    _view(
        "items", "Add any product once to the next refill", schemas.ItemSerializer,
        lambda row, body, at, ip: extras.add(
            row, sku=body["sku"], quantity=body["quantity"], at=at, ip_address=ip
        ),
    ),
    _view(
        "cancel", "Cancel for good: nothing is charged after", schemas.CancelSerializer,
        lambda row, body, at, ip: changes.cancel(
            row, reason=body["reason"] or "Cancelled by the customer.", at=at
        ),
    ),
    path("subscriptions/<str:reference>/items/<str:item>", ItemView.as_view(), name="subscription-item"),
]  # fmt: skip
