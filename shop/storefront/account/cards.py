"""Saved cards. The number is typed into Stripe's form; what is agreed to is written down before."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders import card_setups, stripe_gateway
from orders.api.cards import spend_setup
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import NotFound, ShopError, TooManyRequests
from shop.storefront import baskets
from shop.storefront.account.doors import too_often
from shop.storefront.policy import may_load_stripe


@never_cache
@require_safe
@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Show the cards that refills are charged to."""
    cards = card_setups.saved_cards(baskets.signed_in(request))
    return render(request, "storefront/account/cards.html", {"cards": cards})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@may_load_stripe
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Ask for agreement (GET), then show Stripe's card form (POST)."""
    context = {"consent_text": card_setups.CONSENT_TEXT}
    if request.method != "POST":
        return render(request, "storefront/account/card_new.html", context)
    user, ip, at = baskets.signed_in(request), client_ip(request), reading.now()
    try:
        spend_setup(user, ip)
        agreed = request.POST.get("consent") == "on"
        setup = card_setups.begin(user, agreed=agreed, ip_address=ip, at=at)
        found = card_setups.open_at_stripe(setup, mood=stripe_gateway.at_the_till())
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    except ShopError as refusal:
        context["problem"] = refusal.detail if agreed else "Please tick the box first."
        return render(request, "storefront/account/card_new.html", context, status=422)
    payment = {
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "client_secret": found.client_secret,
        "return_url": "/account/cards/return",
        "saves_only": True,
    }
    form = {"payment": payment, "stripe_js_url": settings.STRIPE_JS_URL}
    return render(request, "storefront/account/card_form.html", form)


@never_cache
@require_safe
@login_required
def come_back(request: HttpRequest) -> HttpResponse:
    """Coming back from Stripe's form: ask how the setup stands, and go on to the clean address."""
    setup_id = request.GET.get("setup_intent", "")[:64]
    saved = None
    if card_setups.own_setup(baskets.signed_in(request), setup_id):
        try:
            mood = stripe_gateway.at_the_till()
            saved = card_setups.observe(setup_id, mood=mood, at=reading.now())
        except (ShopError, stripe_gateway.OutcomeUnknown, stripe_gateway.Refused):
            messages.info(request, "Stripe has not answered yet. The card appears here once it has.")
            return redirect("account-cards")
    if saved is not None:
        messages.success(request, f"Saved: {saved}.")
    else:
        messages.error(request, "The card was not saved. You can try again, or with another one.")
    return redirect("account-cards")


@require_POST
@login_required
def remove(request: HttpRequest, card_id: str) -> HttpResponse:
    """Take a card away."""
    try:
        mood = stripe_gateway.at_the_till()
        card_setups.remove(baskets.signed_in(request), card_id, mood=mood, at=reading.now())
    except NotFound as error:
        raise Http404(error.detail) from error
    except (ShopError, stripe_gateway.Refused):
        messages.error(request, "Stripe did not take the card away. It is still there; please try again.")
    else:
        messages.success(request, "The card is removed. Nothing is charged to it any more.")
    return redirect("account-cards")
