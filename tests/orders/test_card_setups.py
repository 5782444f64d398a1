"""Saving a card without paying: agreed to first, confirmed in the browser, kept once, removed at Stripe."""

from typing import Any

import pytest
import requests

from orders import card_setups, stripe_gateway
from orders.models import CardSetup, Customer, SavedCard
from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from tests.outages import answer_lost
from tests.strangers import App
from tests.stripe_side import CARD_OK, StripeSide
from tests.till import Till

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app(till: Till) -> App:
    user = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    found = App()
    found.sign_in(EMAIL, PASSWORD)
    return found


def confirm(stripe: StripeSide, secret: str, number: str = CARD_OK) -> dict[str, Any]:
    """Play the browser: stripe.confirmSetup with a card."""
    setup_id = secret.partition("_secret_")[0]
    form = {
        "client_secret": secret,
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": number,
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": "2034",
        "payment_method_data[card][cvc]": "123",
    }
    headers = {"Authorization": "Bearer pk_test_devstripe"}
    url = f"{stripe.url}/v1/setup_intents/{setup_id}/confirm"
    return requests.post(url, data=form, headers=headers, timeout=10).json()


def begun(app: App) -> dict[str, Any]:
    answer = app.post("me/cards", {"consent": True})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_card_is_kept_by_the_webhook_with_the_words_that_were_agreed_to(app: App, till: Till) -> None:
    setup = begun(app)
    confirm(till.stripe, setup["client_secret"])
    assert app.get("me/cards").json() == {"results": []}, "not before Stripe has said so"

    till.settle()
    till.stripe.deliver(till.client, only="setup_intent", again=True)
    till.settle()

    [card] = app.get("me/cards").json()["results"]
    assert (card["brand"], card["last4"], card["exp_year"]) == ("visa", "4242", 2034)
    row = CardSetup.objects.get()
    assert row.consent_text == card_setups.CONSENT_TEXT
    assert row.ip_address == app.address
    assert row.card == SavedCard.objects.get()
    assert Customer.objects.get().user is not None


def test_the_browser_that_comes_back_first_keeps_it_too_and_only_once(app: App, till: Till) -> None:
    setup = begun(app)
    confirm(till.stripe, setup["client_secret"])

    first = app.post("me/cards/confirm", {"id": setup["id"]})
    till.settle()

    assert first.status_code == 200
    assert first.json() == app.get("me/cards").json()
    assert SavedCard.objects.count() == 1


def test_without_agreement_nothing_is_asked_of_stripe(app: App) -> None:
    answer = app.post("me/cards", {"consent": False})

    assert (answer.status_code, answer.json()["code"]) == (400, "consent_missing")
    assert not CardSetup.objects.exists()
    assert not Customer.objects.exists()


def test_a_setup_that_was_not_confirmed_keeps_nothing(app: App, till: Till) -> None:
    setup = begun(app)

    answer = app.post("me/cards/confirm", {"id": setup["id"]})

    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_nobody_finishes_or_removes_what_is_another_s(app: App, till: Till) -> None:
    setup = begun(app)
    confirm(till.stripe, setup["client_secret"])
    till.settle()
    card = SavedCard.objects.get()
    eve = User.objects.create_user("eve@buyer.example", PASSWORD)
    registration.vouch_for(eve, at=reading.now())
    hers = App()
    hers.sign_in("eve@buyer.example", PASSWORD)

    assert hers.post("me/cards/confirm", {"id": setup["id"]}).status_code == 404
    gone = hers.send("DELETE", f"me/cards/{card.stripe_payment_method_id}")
    nothing = hers.send("DELETE", "me/cards/pm_nothing")

    assert (gone.status_code, gone.json()) == (404, nothing.json())
    assert hers.get("me/cards").json() == {"results": []}
    card.refresh_from_db()
    assert card.removed_at is None


def test_a_removed_card_is_gone_at_stripe_and_here(app: App, till: Till) -> None:
    confirm(till.stripe, begun(app)["client_secret"])
    till.settle()
    card = SavedCard.objects.get()

    answer = app.send("DELETE", f"me/cards/{card.stripe_payment_method_id}")

    assert answer.status_code == 204
    assert app.get("me/cards").json() == {"results": []}
    card.refresh_from_db()
    assert card.removed_at is not None
    found = stripe_gateway.read("payment_methods", card.stripe_payment_method_id)
    assert getattr(found, "customer", None) is None


def test_while_stripe_does_not_answer_the_card_stays_and_says_so(app: App, till: Till) -> None:
    confirm(till.stripe, begun(app)["client_secret"])
    till.settle()
    card = SavedCard.objects.get()

    with answer_lost("detach_card", arrives=False):
        answer = app.send("DELETE", f"me/cards/{card.stripe_payment_method_id}")

    assert (answer.status_code, answer.json()["code"]) == (503, "payment_unavailable")
    assert len(app.get("me/cards").json()["results"]) == 1


def test_trying_out_cards_is_slow(app: App, settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1.0

    answers = [app.post("me/cards", {"consent": True}).status_code for _ in range(11)]

    assert answers == [201] * 10 + [429]
