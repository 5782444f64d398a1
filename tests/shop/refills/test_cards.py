"""A new card for refills: agreed to, typed into Stripe's form, kept, and then chosen. A guest can do all of it."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from orders.models import CardSetup, SavedCard, Subscription
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine
from tests.orders.test_card_setups import confirm
from tests.outages import answer_lost
from tests.shop.refills.conftest import Visitor, by_link
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charged(regions: None, stripe_side: StripeSide, at: datetime) -> Routine:
    return Routine(at, stripe_side)


@pytest.fixture
def flakes(charged: Routine) -> Subscription:
    (row,) = charged.begin((make_variant(), 1, "week", 4))
    return row


def opened(visitor: Visitor, row: Subscription) -> dict[str, Any]:
    """Agree, and return what the page gives to Stripe's script."""
    page = visitor.post(row.reference, "card", "new", consent="on")
    assert page.status_code == 200
    found = re.search(r'<script id="payment"[^>]*>(.+?)</script>', page.content.decode())
    assert found
    return json.loads(found.group(1))


def test_a_guest_gives_another_card_and_lets_it_pay_for_everything(
    charged: Routine, flakes: Subscription
) -> None:
    (oil,) = charged.begin((make_oil(), 1, "week", 8), customer=flakes.customer)
    visitor = by_link(flakes)
    assert visitor.get(flakes.reference, "card", "new").status_code == 200
    payment = opened(visitor, flakes)
    confirm(charged.stripe, payment["client_secret"], "5555555555554444")  # type: ignore[arg-type]
    setup_id = payment["client_secret"].partition("_secret_")[0]

    for _ in range(2):
        back = visitor.client.get(payment["return_url"], {"setup_intent": setup_id})
    card = SavedCard.objects.order_by("-pk")[0]
    assert back["Location"].endswith(f"/card?saved={card.stripe_payment_method_id}")
    flakes.refresh_from_db()
    assert flakes.card != card, "looking charges nothing"
    page = visitor.client.get(back["Location"])
    assert page.context["form"]["card"].value() == card.stripe_payment_method_id
    visitor.press(flakes.reference, "card", card=card.stripe_payment_method_id, everything="on")

    assert {row.card for row in Subscription.objects.all()} == {card}
    assert card.last4 == "4444"
    assert oil.customer == card.customer
    setup = CardSetup.objects.get()
    assert (setup.card, setup.customer) == (card, flakes.customer)
    assert setup.consent_text.startswith("I agree that Stripe keeps this card")


def test_without_agreement_stripe_is_not_asked(flakes: Subscription) -> None:
    answer = by_link(flakes).post(flakes.reference, "card", "new")

    assert answer.status_code == 422
    assert "Please tick the box first." in answer.content.decode()
    assert not CardSetup.objects.exists()


def test_stripe_s_script_is_let_in_where_it_is_needed_only(flakes: Subscription, settings: Any) -> None:
    visitor = by_link(flakes)

    form = visitor.post(flakes.reference, "card", "new", consent="on")
    others = [visitor.get(), visitor.get(flakes.reference, "card")]

    origin = settings.STRIPE_JS_URL.split("/v3")[0].rpartition("/stripe.js")[0] or settings.STRIPE_JS_URL
    assert origin.split("//")[1].split("/")[0] in form["Content-Security-Policy"]
    assert all("stripe" not in page["Content-Security-Policy"] for page in others)


def test_somebody_else_s_setup_keeps_no_card(charged: Routine, flakes: Subscription) -> None:
    (other,) = charged.begin((make_variant(), 1, "week", 4))
    payment = opened(by_link(other), other)
    confirm(charged.stripe, payment["client_secret"])  # type: ignore[arg-type]
    setup_id = payment["client_secret"].partition("_secret_")[0]
    before = SavedCard.objects.count()

    visitor = by_link(flakes)
    back = visitor.client.get(f"{visitor.base}/{flakes.reference}/card/return", {"setup_intent": setup_id})

    assert "The card was not saved." in visitor.client.get(back["Location"]).content.decode()
    assert SavedCard.objects.count() == before


def test_a_card_of_somebody_else_is_never_charged(charged: Routine, flakes: Subscription) -> None:
    theirs = charged.saved(charged.customer(), "mastercard")

    answer = by_link(flakes).press(flakes.reference, "card", card=theirs.stripe_payment_method_id)

    assert answer.status_code == 422
    flakes.refresh_from_db()
    assert flakes.card != theirs


def test_a_silent_stripe_saves_nothing_and_says_so(flakes: Subscription) -> None:
    with answer_lost("create_setup"):
        answer = by_link(flakes).post(flakes.reference, "card", "new", consent="on")

    assert answer.status_code == 503
    assert "Nothing was saved; try again." in answer.content.decode()
