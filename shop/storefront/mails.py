"""Every mail of the outbox, for trying the shop out: a stranger sees the mail arrive. Never in production."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from shop.mail import rendering
from shop.mail.models import OutboxMessage
from shop.storefront.policy import shows_mails

SHOWN = 30


@never_cache
@require_safe
@shows_mails
def show(request: HttpRequest) -> HttpResponse:
    """Show the newest mails, rendered in frames that run no scripts.

    :raises Http404: where MAIL_PAGE_ENABLED is off.
    """
    if not settings.MAIL_PAGE_ENABLED:
        raise Http404
    newest = OutboxMessage.objects.order_by("-pk")[:SHOWN]
    mails = [(row, rendering.words_of(row)) for row in newest]
    return render(request, "storefront/mails.html", {"mails": mails})
