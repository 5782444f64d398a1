"""One mail when a variant can be bought again, for those who asked for it and said so twice.

asked → waiting (the link in the first mail) → told. A request that its owner stops, or that expires, is told
nothing. Rows do not outlive their purpose: `forget` deletes them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from catalog import emails, inventory, links, pictures
from catalog.models import StockRequest, Variant
from shop.exceptions import InvalidInput, NotFound
from shop.mail import outbox, recipients
from shop.mail.models import OutboxMessage

Status = StockRequest.Status

ANSWER_WITHIN = timedelta(days=7)
WAIT_AT_MOST = timedelta(days=180)
# A finished row still answers a second click on its links.
KEPT_AFTERWARDS = timedelta(days=30)
AT_ONCE = 200
OPEN = (Status.ASKED, Status.WAITING)


class UnknownSku(InvalidInput):
    code = "unknown_sku"
    title = "There is no such variant"


class RequestGone(NotFound):
    """One answer for forged links and for forgotten requests."""

    code = "request_gone"
    title = "There is no such request any more"


def ask(*, sku: str, email: str, at: datetime) -> None:
    """Write down who wants to be told, and ask by mail whether it was really them.

    Says nothing of what was known before: who asks twice is asked back once a day at most, and who has said
    yes already is left in peace.
    :raises UnknownSku: if nothing of that SKU is sold.
    """
    variant = Variant.objects.sellable().select_related("product").filter(sku=sku).first()
    if variant is None:
        raise UnknownSku("There is no such variant.", fields={"sku": ["There is no such variant."]})
    with transaction.atomic():
        request = _open_request(variant, email, at)
        # Built in either case, so that the answer takes as long.
        letter = emails.confirm_back_in_stock(request, at=at, picture=pictures.first_of(variant.product))
        if request.status == Status.ASKED:
            outbox.enqueue(letter, to=request.email, at=at)


def find(token: str) -> StockRequest:
    """Return the request that a link is for.

    :raises RequestGone: if the link is not ours, or the request is forgotten.
    """
    try:
        key = links.request_id_of(token)
    except NotFound as error:
        raise RequestGone() from error
    request = StockRequest.objects.select_related("variant__product").filter(pk=key).first()
    if request is None:
        raise RequestGone()
    return request


@transaction.atomic
def confirm(request: StockRequest, *, at: datetime) -> StockRequest:
    """Wait from now on. A second click, and a click after the mail, change nothing.

    :raises RequestGone: if the request was stopped, forgotten, or not answered in time.
    """
    locked = _locked(request)
    if locked.status in (Status.WAITING, Status.TOLD):
        return locked
    if locked.status == Status.STOPPED or locked.expires_at <= at:
        raise RequestGone()
    locked.status, locked.confirmed_at, locked.expires_at = Status.WAITING, at, at + WAIT_AT_MOST
    locked.save(update_fields=["status", "confirmed_at", "expires_at"])
    return locked


@transaction.atomic
def stop(request: StockRequest, *, at: datetime) -> StockRequest:
    """Send nothing more. Safe to repeat; what was told stays told.

    :raises RequestGone: if the request is forgotten.
    """
    locked = _locked(request)
    if locked.status in OPEN:
        locked.status, locked.expires_at = Status.STOPPED, at + KEPT_AFTERWARDS
        locked.save(update_fields=["status", "expires_at"])
    return locked


def tell(*, at: datetime, limit: int = AT_ONCE) -> int:
    """Write the mails of those who wait for what can be bought now; return how many.

    Two sweeps at once share the work: each row is taken by one of them.
    """
    told = 0
    for variant in _returned(at):
        while told < limit and (count := _tell_some(variant, at, min(50, limit - told))):
            told += count
    return told


def is_still_true(message: OutboxMessage, *, at: datetime) -> bool:
    """Return whether a back-in-stock mail may go out; in the delivery's transaction, just before it is sent.

    If the stock is gone again, its owner goes on waiting and is told the next time; who has asked again since
    waits with that.
    """
    rows = StockRequest.objects.select_related("variant__product").select_for_update(of=("self",))
    request = rows.filter(pk=emails.request_id_of(message.subject_key), status=Status.TOLD).first()
    if request is None:
        return False
    if _can_be_bought(request.variant):
        return True
    anew = StockRequest.objects.filter(recipients.written_as(request.email), status__in=OPEN)
    if not anew.filter(variant=request.variant).exists():
        request.status, request.told_at, request.expires_at = Status.WAITING, None, at + WAIT_AT_MOST
        request.save(update_fields=["status", "told_at", "expires_at"])
    return False


def forget(*, at: datetime) -> int:
    """Delete requests whose time is over and return how many."""
    return StockRequest.objects.filter(expires_at__lte=at).delete()[0]


def _open_request(variant: Variant, email: str, at: datetime) -> StockRequest:
    """Return the open request of an address, a new one where there is none."""
    mine = StockRequest.objects.filter(recipients.written_as(email), variant=variant, status__in=OPEN)
    mine.filter(expires_at__lte=at).delete()
    try:
        with transaction.atomic():
            request = StockRequest.objects.create(
                variant=variant, email=email, created_at=at, expires_at=at + ANSWER_WITHIN
            )
    except IntegrityError:
        twin = mine.first()
        if twin is None:
            # It was stopped at this very moment: begin again.
            return _open_request(variant, email, at)
        request = twin
    request.variant = variant
    return request


def _locked(request: StockRequest) -> StockRequest:
    rows = StockRequest.objects.select_related("variant__product").select_for_update(of=("self",))
    locked = rows.filter(pk=request.pk).first()
    if locked is None:
        raise RequestGone()
    return locked


def _returned(at: datetime) -> Iterator[Variant]:
    """Return the variants that somebody waits for and that can be bought."""
    wanted = _waiting(at).order_by().values("variant")
    variants = inventory.with_stock(Variant.objects.sellable().filter(pk__in=wanted).order_by("pk"))
    return (variant for variant in variants if inventory.available_of(variant) > 0)


def _waiting(at: datetime) -> "QuerySet[StockRequest]":
    return StockRequest.objects.filter(status=Status.WAITING, expires_at__gt=at)


@transaction.atomic
def _tell_some(variant: Variant, at: datetime, limit: int) -> int:
    """Tell those who have waited longest, unless the stock went while we came here."""
    rows = _waiting(at).filter(variant=variant).order_by("pk").select_related("variant__product")
    taken = list(rows.select_for_update(of=("self",), skip_locked=True)[:limit])
    if not taken or not _can_be_bought(variant):
        return 0
    picture = pictures.first_of(variant.product)
    for request in taken:
        request.tries += 1
        request.status, request.told_at, request.expires_at = Status.TOLD, at, at + KEPT_AFTERWARDS
        request.save(update_fields=["tries", "status", "told_at", "expires_at"])
        outbox.enqueue(emails.back_in_stock(request, picture=picture), to=request.email, at=at)
    return len(taken)


def _can_be_bought(variant: Variant) -> bool:
    found = inventory.with_stock(Variant.objects.sellable().filter(pk=variant.pk)).first()
    return found is not None and inventory.available_of(found) > 0
