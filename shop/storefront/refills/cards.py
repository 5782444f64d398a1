"""Which card pays: one that is saved, or a new one typed into Stripe's form, which needs a script."""

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from orders import card_setups, stripe_gateway, tasks
from orders.models import SavedCard, Subscription
from orders.subscriptions import changes
from shop.api import client_ip, client_network, limits
from shop.api.limits import Limit
from shop.clock import reading
from shop.exceptions import ShopError, Stale, TooManyRequests
from shop.storefront.account.doors import too_often
from shop.storefront.policy import may_load_stripe
from shop.storefront.refills import changing, showing
from shop.storefront.refills.forms import CardForm
from shop.storefront.refills.holders import Holder
from shop.storefront.refills.refusals import status_of, tell_in
from shop.storefront.refills.showing import Item


def choose(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    """Show the saved cards; charge one of them from now on, for this refill or for all."""
    at = reading.now()
    item = showing.one(holder, reference, at=at)
    form = _form(
        holder, item, request.POST if request.method == "POST" else None, request.GET.get("saved", "")
    )
    if request.method != "POST":
        return _page(request, holder, item, form)
    if not form.is_valid():
        return _page(request, holder, item, form, status=422)
    item.row.seen_tag = form.cleaned_data["seen"]
    card = form.cleaned_data["card"]
    try:
        changes.change_card(item.row, payment_method_id=card, at=at)
    except Stale:
        item = showing.one(holder, reference, at=at)
        return _page(request, holder, item, _form(holder, item), status=412, problem=changing.STALE)
    except ShopError as refusal:
        tell_in(form, refusal)
        return _page(request, holder, item, form, status=status_of(refusal))
    late = _charge_others(holder, item, card) if form.cleaned_data.get("everything") else 0
    tasks.wake(tasks.dispatch_due_refills)
    if late:
        messages.warning(request, "A parcel that is being charged just now keeps its card until it is paid.")
    now = showing.one(holder, reference, at=at).row.card
    return changing.back(request, holder, reference, f"From now on we charge your {now}.")


def new(request: HttpRequest, holder: Holder, reference: str) -> HttpResponseBase:
    """Ask for agreement (GET), then show Stripe's card form (POST). Nothing is charged."""
    return may_load_stripe(_new)(request, holder, reference)


def come_back(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    """Coming back from Stripe's form: keep the card, and go on to the choice of what it pays for."""
    row = holder.subscription(reference)
    setup_id = request.GET.get("setup_intent", "")[:64]
    saved: SavedCard | None = None
    if card_setups.setup_for(row, setup_id):
        try:
            saved = card_setups.observe(setup_id, mood=stripe_gateway.at_the_till(), at=reading.now())
        except (ShopError, stripe_gateway.OutcomeUnknown, stripe_gateway.Refused):
            messages.info(request, "Stripe has not answered yet. The card appears here once it has.")
            return redirect(holder.url(reference, "card"))
    if saved is None:
        messages.error(request, "The card was not saved. You can try again, or with another one.")
        return redirect(holder.url(reference, "card"))
    messages.success(request, f"Saved: {saved}. One more step: let it pay for your refills.")
    return redirect(f"{holder.url(reference, 'card')}?saved={saved.stripe_payment_method_id}")


def _new(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    row, ip, at = holder.subscription(reference), client_ip(request), reading.now()
    context = {"holder": holder, "consent_text": card_setups.CONSENT_TEXT, "row": row}
    template = "storefront/refills/card_new.html"
    if request.method != "POST":
        return render(request, template, context)
    agreed = request.POST.get("consent") == "on"
    try:
        limits.spend(
            Limit("card_setup_per_account", holder.name), Limit("card_setup_per_ip", client_network(ip))
        )
        setup = card_setups.begin_for(row, agreed=agreed, ip_address=ip, at=at)
        found = card_setups.open_at_stripe(setup, mood=stripe_gateway.at_the_till())
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    except ShopError as refusal:
        context["problem"] = refusal.detail if agreed else "Please tick the box first."
        return render(request, template, context, status=status_of(refusal))
    payment = {
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "client_secret": found.client_secret,
        "return_url": holder.url(reference, "card", "return"),
        "saves_only": True,
    }
    shown = {**context, "payment": payment, "stripe_js_url": settings.STRIPE_JS_URL}
    return render(request, "storefront/refills/card_form.html", shown)


def _form(holder: Holder, item: Item, data: object = None, saved: str = "") -> CardForm:
    cards = _cards(item.row)
    now = item.row.card.stripe_payment_method_id if item.row.card else ""
    return CardForm(
        data, seen=item.tag, cards=cards, has_others=_others(holder, item).exists(), chosen=saved or now
    )


def _cards(row: Subscription) -> list[SavedCard]:
    return list(SavedCard.objects.filter(customer_id=row.customer_id, removed_at=None).order_by("-pk"))


def _others(holder: Holder, item: Item) -> QuerySet[Subscription]:
    """Return the holder's other refills that the same cards may pay for."""
    live = holder.subscriptions().exclude(status=Subscription.Status.CANCELLED)
    return live.filter(customer_id=item.row.customer_id).exclude(pk=item.row.pk)


def _charge_others(holder: Holder, item: Item, card: str) -> int:
    """Charge a card for the other refills too; return how many could not be changed now."""
    late = 0
    for row in _others(holder, item).exclude(card__stripe_payment_method_id=card).order_by("pk"):
        try:
            changes.change_card(row, payment_method_id=card, at=reading.now())
        except ShopError:
            late += 1
    return late


def _page(
    request: HttpRequest, holder: Holder, item: Item, form: CardForm, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    context = {
        "holder": holder,
        "item": item,
        "form": form,
        "problem": problem,
        "refusal": changing.refusal_of(item, "card"),
        "has_cards": bool(_cards(item.row)),
    }
    return render(request, "storefront/refills/card.html", context, status=status)
