"""Two tabs, two clicks, and a page from yesterday: nothing happens twice, and nothing unseen is changed."""

from datetime import timedelta

import pytest

from orders.models import Refill, SavedCard, Subscription
from orders.subscriptions import dunning
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.shop.refills.conftest import by_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def flakes(routine: Routine) -> Subscription:
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    return row


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("skip", {}),
        ("plenty", {}),
        ("pause", {"until": "2027-02-01"}),
        ("interval", {"interval": "week:8"}),
        ("date", {"next_on": "2027-02-01"}),
        ("quantity", {"quantity": "5"}),
        ("add", {"quantity": "1"}),
    ],
)
def test_a_form_sent_twice_acts_once(
    routine: Routine, flakes: Subscription, verb: str, given: dict[str, str]
) -> None:
    visitor, sku = by_link(flakes), make_oil().sku
    given = {**given, "seen": visitor.seen(flakes.reference, verb), **({"sku": sku} if verb == "add" else {})}

    first, second = (visitor.post(flakes.reference, verb, **given) for _ in range(2))

    assert (first.status_code, second.status_code) == (302, 412)
    assert "This is how it stands now" in second.content.decode()
    assert len(mails("subscription_changed")) == 1
    assert [extra.quantity for extra in flakes.extras.all()] == ([1] if verb == "add" else [])


def test_an_old_page_is_refused_with_how_it_stands_and_a_form_that_works(flakes: Subscription) -> None:
    visitor = by_link(flakes)
    old = visitor.seen(flakes.reference, "quantity")
    visitor.press(flakes.reference, "interval", interval="week:8")

    refused = visitor.post(flakes.reference, "quantity", seen=old, quantity="3")

    assert refused.status_code == 412
    assert "every 8 weeks" in refused.content.decode()
    flakes.refresh_from_db()
    assert flakes.quantity == 1
    fresh = refused.context["form"]["seen"].value()
    assert visitor.post(flakes.reference, "quantity", seen=fresh, quantity="3").status_code == 302


def test_an_order_that_waits_for_its_payment_is_paid_or_skipped_first(
    routine: Routine, flakes: Subscription
) -> None:
    refill = routine.remind(cycle_of(flakes).due_at - days(5))
    Refill.objects.update(order=flakes.started_by.order, status="dunning", next_attempt_at=None)
    visitor = by_link(flakes)

    answer = visitor.post(flakes.reference, "quantity", quantity="3")
    assert answer.status_code == 409
    assert "Pay it or skip it first." in answer.content.decode()
    for verb in ("quantity", "date", "plenty", "swap", "send-now"):
        assert "waits for its payment" in visitor.get(flakes.reference, verb).content.decode()
    said = visitor.words()
    assert "choose another one, and it goes out" in said
    assert f"{visitor.base}/{flakes.reference}/card" in said

    card = routine.saved(flakes.customer, "mastercard")
    assert visitor.press(flakes.reference, "card", card=card.stripe_payment_method_id).status_code == 302
    refill.refresh_from_db()
    assert (refill.card, refill.status) == (card, "dunning")
    assert refill.next_attempt_at is not None


def test_a_card_that_is_gone_is_asked_for(routine: Routine, flakes: Subscription) -> None:
    SavedCard.objects.update(removed_at=routine.at)
    Subscription.objects.update(card=None)
    visitor = by_link(flakes)

    said = visitor.words()
    assert "Choose a card" in said
    assert "There is no card to choose from" in visitor.get(flakes.reference, "card").content.decode()
    assert "Choose one first." in visitor.get(flakes.reference, "send-now").content.decode()


def test_what_a_dispute_paused_is_taken_up_by_staff_only(flakes: Subscription) -> None:
    Subscription.objects.update(status="paused", status_reason=Subscription.DISPUTE)
    visitor = by_link(flakes)

    said = visitor.words()
    answer = visitor.press(flakes.reference, "resume")

    assert "A payment is disputed with your bank." in said
    assert "/resume" not in said
    assert answer.status_code == 409
    flakes.refresh_from_db()
    assert flakes.status == "paused"


def test_a_parcel_given_up_says_why_it_rests_and_goes_on_again(
    routine: Routine, flakes: Subscription
) -> None:
    refill = routine.remind(cycle_of(flakes).due_at - days(5))
    Refill.objects.update(status="dunning")
    refill.refresh_from_db()
    dunning.stop(refill, reason="The card was declined again and again.", at=refill.due_at)
    visitor = by_link(refill)

    assert "The card was declined again and again. It rests" in visitor.words()
    visitor.press(flakes.reference, "resume")

    flakes.refresh_from_db()
    assert flakes.status == "active"


def test_what_is_sold_no_more_offers_what_may_take_its_place(routine: Routine, flakes: Subscription) -> None:
    other = make_variant(product=flakes.variant.product, name="2.5 kg", net_content=2500)
    type(other).objects.filter(pk=flakes.variant_id).update(archived_at=routine.at - timedelta(days=1))
    Subscription.objects.update(status="paused", status_reason=Subscription.NOT_SOLD)
    visitor = by_link(flakes)

    assert "Choose another" in visitor.words()
    visitor.press(flakes.reference, "swap", sku=other.sku)

    flakes.refresh_from_db()
    assert (flakes.variant, flakes.status) == (other, "active")
