"""Pages about the goods: the list and one page for each product."""

from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import inventory, links, usage
from content.reading import live_articles
from shop.clock import reading
from shop.exceptions import NotFound, ShopError
from shop.storefront import baskets, listing, markets, product_data, product_page, refill_offers
from shop.storefront.forms import INTERVAL_CHOICES, USUAL_INTERVAL_WEEKS, EstimateForm
from shop.storefront.product_page import ProductPage, Size
from shop.storefront.refill_offers import RefillOffer

ARTICLES_SHOWN = 4
# A refill of more packs than this at a time is better served by a larger size.
FEW_PACKS = 2


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    """Show every product, or one category of them. An unknown order is the shelf's own."""
    order = request.GET.get("order", "")
    shelf = listing.shelf(
        currency=baskets.market_of(request).currency,
        category=request.GET.get("category", ""),
        order=order,
        at=reading.now(),
    )
    chosen = next((c for c in shelf.categories if c.slug == request.GET.get("category")), None)
    context = {"shelf": shelf, "chosen": chosen, "order": order, "orders": listing.ORDERS}
    return render(request, "storefront/product_list.html", context)


@require_safe
def product_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product with its sizes, its refill estimator, how to use it and what to mind."""
    at = reading.now()
    try:
        product = product_page.product_with_slug(slug)
    except NotFound as error:
        raise Http404(error.detail) from error
    market = baskets.market_of(request)
    page = product_page.page_of(product, currency=market.currency, at=at)
    size = _chosen_size(page, request.GET.get("size", ""))
    context = {
        "page": page,
        "product": product,
        "size": size,
        "articles": live_articles(at).filter(related_products=product)[:ARTICLES_SHOWN],
        "seller": markets.seller_in(market.country),
        "product_url": links.product_url(product),
        "picture_url": urljoin(settings.BASE_URL, page.pictures[0].src) if page.pictures else "",
        "json_ld_script": product_data.script(page),
        "intervals": INTERVAL_CHOICES,
        **_estimator(request, page, size, at),
    }
    return render(request, "storefront/product_detail.html", context)


def _chosen_size(page: ProductPage, sku: str) -> Size | None:
    """Return the size that was asked for, else the smallest in stock that suits a refill, else the first."""
    asked = [size for size in page.sizes if size.variant.sku == sku]
    suited = [
        size
        for size in page.sizes
        if size.available and size.usual_refill and size.usual_refill.quantity <= FEW_PACKS
    ]
    return next(iter([*asked, *suited, *page.sizes]), None)


def _estimator(request: HttpRequest, page: ProductPage, size: Size | None, at: datetime) -> dict[str, Any]:
    """Return the estimator's form, its answer, and the refill that the buying form starts with."""
    asked = refill_offers.is_asked(request.GET)
    form = EstimateForm(request.GET if asked else {}, guides=page.guides)
    found: RefillOffer | None = None
    problem = ""
    if size is not None and usage.is_consumable(size.variant) and form.is_valid():
        try:
            use = refill_offers.use_of(form, size.variant)
            found = refill_offers.offer_for(use, on=inventory.shop_date(at), price=size.offer.refill_amount)
        except ShopError as error:
            problem = error.detail
    fits = found if found and found.quantity else None
    return {
        "estimate_form": form,
        "refill_offer": found,
        "estimate": found.estimate if found else None,
        "estimate_problem": problem,
        "is_estimate_asked": asked,
        "default_weeks": fits.weeks if fits else USUAL_INTERVAL_WEEKS,
        "default_quantity": fits.quantity if fits and asked else 1,
    }
