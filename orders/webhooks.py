"""Stripe's door: check the signature, store the event, answer at once. The work is done by Celery."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from orders import events, stripe_events, stripe_gateway, tasks
from orders.models import WebhookEvent
from shop.api.errors import CONTENT_TYPE, problem
from shop.clock import reading
from shop.inserting import insert_once

MAX_BODY_BYTES = 512 * 1024


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Store a signed event and wake a worker; 400 and no row when the signature is wrong or too old.

    Source: https://docs.stripe.com/webhooks#verify-events
    """
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or len(length) > 20 or int(length) > MAX_BODY_BYTES:
        return _refuse(413, "too_large", "The event is too large.")
    try:
        event = stripe_gateway.read_event(request.body, request.headers.get("Stripe-Signature", ""))
    except stripe_gateway.ForgedEvent:
        return _refuse(400, "bad_signature", "The signature does not match.")
    row = _store(event)
    if row is not None and row.processed_at is None:
        tasks.wake(tasks.process_webhook_event, row.pk)
    return JsonResponse({"received": True})


def _store(event: stripe_events.Event) -> WebhookEvent | None:
    """Write the event, done already if it teaches us nothing; None when it was stored before."""
    at = reading.now()
    row = WebhookEvent(
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        payload={
            **event.summary,
            "object_type": event.object_type,
            "payment_intent": event.payment_intent_id,
        },
        received_at=at,
        next_attempt_at=at,
    )
    if events.teaches_nothing(row):
        row.processed_at, row.attempts = at, 1
    return row if insert_once(row, unique=("event_id",)) else None


def _refuse(status: int, code: str, title: str) -> JsonResponse:
    return JsonResponse(problem(status, code, title), status=status, content_type=CONTENT_TYPE)
