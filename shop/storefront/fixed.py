"""Pages and files whose words do not change with the goods."""

from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from orders import terms as agreed
from shop.clock import reading
from shop.storefront import baskets, markets

PRIVATE_PATHS = (
    "/admin/",
    "/api/",
    "/articles/preview/",
    "/back-in-stock",
    "/cart",
    "/checkout",
    "/country",
    "/mails",
    "/o/",
    "/pay/",
    "/r/",
    "/refills",
    "/search",
)
SECURITY_TXT_HOLDS_FOR = timedelta(days=180)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the terms of sale, the right of withdrawal and what is kept about a customer."""
    seller = markets.seller_in(baskets.market_of(request).country)
    context = {
        "seller": seller,
        "sections": agreed.sections(seller),
        "terms_version": settings.TERMS_VERSION,
    }
    return render(request, "storefront/terms.html", context)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers that ask for the old address to the shop's mark."""
    return HttpResponsePermanentRedirect(static("shop/art/mark.svg"))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tell crawlers which paths are nobody's business."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE_PATHS)]
    lines += ["", f"Sitemap: {settings.BASE_URL}{reverse('sitemap')}"]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Tell whoever found a weakness where to report it. Source: RFC 9116."""
    expires = (reading.now() + SECURITY_TXT_HOLDS_FOR).replace(microsecond=0)
    lines = [
        f"Contact: mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}",
        f"Expires: {expires.isoformat()}",
        "Preferred-Languages: en",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")
