"""A guest looks after refills on a phone: skipped from the mail in two taps, and paid by another card."""

import re
from typing import TYPE_CHECKING

import pytest

from orders.models import Refill, SavedCard, Subscription
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.stripe_side import StripeSide

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def flakes(shop_url: str, settings: pytest.MonkeyPatch) -> Subscription:
    settings.BASE_URL = shop_url  # type: ignore[attr-defined]
    routine = Routine(reading.now(), StripeSide(settings.STRIPE_API_BASE))  # type: ignore[attr-defined]
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(row).due_at - days(5))
    return row


def address_in_mail(words: str) -> str:
    (mail,) = mails("refill_upcoming")
    found = re.search(rf"^{re.escape(words)}: (\S+)$", mail.text, re.MULTILINE)
    assert found
    return found.group(1)


def test_two_taps_from_the_mail_skip_a_parcel(tab: "Page", flakes: Subscription) -> None:
    tab.goto(address_in_mail("Skip this parcel"))

    tab.keyboard.press("Tab")
    tab.get_by_role("button", name="Skip this parcel").click()

    tab.get_by_text("This parcel is left out. Nothing is charged for it.").wait_for()
    assert Refill.objects.get().status == "skipped"
    tab.get_by_role("button", name="Let it come after all").click()
    tab.get_by_text("It comes after all.").wait_for()
    assert cycle_of(flakes).index == 1


def test_another_card_is_typed_into_stripe_s_form_and_pays(tab: "Page", flakes: Subscription) -> None:
    before = flakes.card
    tab.goto(address_in_mail("Change the day, the rhythm, what comes, the address or the card"))
    tab.get_by_text("Change it").click()
    tab.get_by_role("link", name="Card", exact=True).click()
    tab.get_by_role("link", name="Add another card").click()
    tab.get_by_role("checkbox").check()
    tab.get_by_role("button", name="Go on to the card form").click()
    tab.get_by_label("Card number").fill("5555555555554444")
    tab.locator("#expiry").fill("12 / 34")
    tab.locator("#cvc").fill("123")
    tab.locator("#pay-button").click()

    tab.get_by_text("One more step").wait_for()
    assert "setup_intent" not in tab.url
    tab.get_by_role("button", name="Use this card").click()

    tab.get_by_text("From now on we charge your Mastercard ending in 4444.").wait_for()
    flakes.refresh_from_db()
    assert flakes.card == SavedCard.objects.order_by("-pk")[0]
    assert flakes.card != before


def test_no_page_is_wider_than_a_phone(tab: "Page", flakes: Subscription) -> None:
    everything = address_in_mail("Change the day, the rhythm, what comes, the address or the card")
    long = "Magnesium" * 12
    type(flakes.variant.product).objects.update(name=long)
    pages = [
        "",
        *(
            f"/{flakes.reference}/{verb}"
            for verb in ("skip", "address", "swap", "add", "send-now", "card", "cancel")
        ),
    ]

    for page in pages:
        tab.goto(everything + page)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, page
        unnamed = "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(f => !f.labels.length).length"
        assert tab.evaluate(unnamed) == 0, page
