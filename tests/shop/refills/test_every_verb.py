"""Every verb through its page, by a link and by the account: what is so then, and how often."""

from typing import Any

import pytest

from orders.models import Refill, Subscription
from shop.accounts.models import User
from tests.factories.catalog import ProductFactory, make_bundle, make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.shop.refills.conftest import Visitor, by_link, signed_in
from tests.till import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["link", "account"])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def flakes(routine: Routine, ada: User) -> Subscription:
    """One pouch every four weeks, due on 21 December 2026."""
    (row,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    return row


@pytest.fixture
def visitor(door: str, flakes: Subscription, ada: User) -> Visitor:
    return by_link(flakes) if door == "link" else signed_in(ada)


def after(answer: Any, visitor: Visitor, row: Subscription) -> str:
    """Return what the overview says after a form was taken."""
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == f"{visitor.base}#{row.reference}"
    row.refresh_from_db()
    return visitor.words()


def test_the_next_one_is_left_out_and_that_is_taken_back(visitor: Visitor, flakes: Subscription) -> None:
    said = after(visitor.press(flakes.reference, "skip"), visitor, flakes)
    assert "Left out. The next parcel is due on 18 January 2027." in said
    assert cycle_of(flakes).due_on.isoformat() == "2027-01-18"

    said = after(visitor.press(flakes.reference, "unskip"), visitor, flakes)
    assert "The next parcel is due on 21 December 2026." in said
    assert len(mails("subscription_changed")) == 2


def test_plenty_left_lets_it_come_less_often_and_says_the_new_day_first(
    visitor: Visitor, flakes: Subscription
) -> None:
    asked = visitor.get(flakes.reference, "plenty").content.decode()
    assert "Instead of every 4 weeks it comes every 6 weeks." in asked
    assert "4 January 2027 instead of 21 December 2026" in asked

    said = after(visitor.press(flakes.reference, "plenty"), visitor, flakes)

    assert "From now on it comes every 6 weeks. The next parcel is due on 4 January 2027." in said
    assert (flakes.interval_unit, flakes.interval_count) == ("week", 6)
    assert cycle_of(flakes).due_on.isoformat() == "2027-01-04"


def test_it_rests_until_a_day_and_is_taken_up_again(visitor: Visitor, flakes: Subscription) -> None:
    said = after(visitor.press(flakes.reference, "pause", until="2027-02-01"), visitor, flakes)
    assert "Paused by you until 1 February 2027. Nothing is charged meanwhile." in said
    assert (flakes.status, str(flakes.paused_until)) == ("paused", "2027-02-01")

    said = after(visitor.press(flakes.reference, "resume"), visitor, flakes)
    assert "Taken up again. The next parcel is due on 21 December 2026." in said
    assert flakes.status == "active"


def test_without_a_day_it_rests_until_it_is_taken_up(visitor: Visitor, flakes: Subscription) -> None:
    said = after(visitor.press(flakes.reference, "pause", until=""), visitor, flakes)

    assert "Paused by you until you take it up again." in said
    assert flakes.paused_until is None
    assert "It is paused." in visitor.get(flakes.reference, "skip").content.decode()


def test_its_rhythm_its_day_and_its_number_change(visitor: Visitor, flakes: Subscription) -> None:
    said = after(visitor.press(flakes.reference, "interval", interval="month:2"), visitor, flakes)
    assert "It now comes every 2 months. The next parcel is due on 23 January 2027." in said

    said = after(visitor.press(flakes.reference, "date", next_on="2026-12-30"), visitor, flakes)
    assert "The next parcel is due on 30 December 2026." in said

    said = after(visitor.press(flakes.reference, "quantity", quantity="3"), visitor, flakes)
    assert "From the next parcel on you get 3." in said
    assert (flakes.interval_unit, flakes.interval_count, flakes.quantity) == ("month", 2, 3)


def test_it_goes_to_another_address(visitor: Visitor, flakes: Subscription) -> None:
    shown = visitor.get(flakes.reference, "address").content.decode()
    assert 'value="12 Canal Street"' in shown

    there = {**ADDRESS, "line1": "1 Quay", "city": "York", "postal_code": "yo1 7hh"}
    said = after(visitor.press(flakes.reference, "address", **there), visitor, flakes)

    assert "From the next parcel on it goes to Ada Buyer, 1 Quay, York YO1 7HH" in said
    assert flakes.shipping_address["line1"] == "1 Quay"


def test_another_size_comes_instead_at_its_own_price(
    visitor: Visitor, flakes: Subscription, routine: Routine
) -> None:
    larger = make_variant(
        product=flakes.variant.product, name="2.5 kg", net_content=2500, prices={"GBP": 2500}
    )
    oil = make_oil()

    shown = visitor.get(flakes.reference, "swap").content.decode()
    assert larger.sku in shown
    assert oil.sku not in shown
    said = after(visitor.press(flakes.reference, "swap", sku=larger.sku), visitor, flakes)

    assert "From the next parcel on you get" in said
    assert (flakes.variant, flakes.unit_price) == (larger, 2250)


def test_anything_comes_along_once_and_is_taken_out_again(
    visitor: Visitor, flakes: Subscription, routine: Routine
) -> None:
    oil = make_oil()
    bundle = make_bundle([(flakes.variant, 1), (oil, 1)])

    for variant in (oil, bundle):
        said = after(visitor.press(flakes.reference, "add", sku=variant.sku, quantity="2"), visitor, flakes)
        assert "It comes along with the next parcel, once." in said
    waiting = flakes.extras.filter(status="waiting")
    assert [(extra.variant, extra.quantity) for extra in waiting.order_by("pk")] == [(oil, 2), (bundle, 2)]

    for _ in range(2):
        visitor.post(
            flakes.reference, "items", waiting.get(variant=oil).reference if _ == 0 else "X-0", "remove"
        )
    assert [extra.variant for extra in waiting] == [bundle]
    assert "No such item waits" in visitor.words()


def test_it_is_sent_now_at_the_total_that_was_shown_and_once(
    visitor: Visitor, flakes: Subscription, routine: Routine
) -> None:
    visitor.press(flakes.reference, "add", sku=make_oil().sku, quantity="1")
    page = visitor.get(flakes.reference, "send-now")
    total = page.context["quote"].total
    assert total == 1125 + 1250 + 595
    assert f"Send it now, £{total / 100:.2f}" in page.content.decode()
    given = {"seen": page.context["form"]["seen"].value(), "expected_total": total}

    answers = [visitor.post(flakes.reference, "send-now", **given) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    refill = Refill.objects.get()
    assert refill.quoted_total == total
    assert refill.asked_at is not None
    assert "You asked for it now" in visitor.words()
    assert "You have asked for it already" in visitor.get(flakes.reference, "send-now").content.decode()
    assert len([mail for mail in mails("subscription_changed") if "you asked" in mail.text.lower()]) == 1


def test_a_total_that_moved_is_shown_again_and_nothing_is_charged(
    visitor: Visitor, flakes: Subscription
) -> None:
    given = {"seen": visitor.seen(flakes.reference, "send-now"), "expected_total": 1}

    answer = visitor.post(flakes.reference, "send-now", **given)

    assert answer.status_code == 409
    assert "It is now £15.20." in answer.content.decode()
    assert answer.context["form"]["expected_total"].value() == 1520
    assert not Refill.objects.exists()


def test_another_saved_card_pays_for_one_or_for_all(
    visitor: Visitor, flakes: Subscription, routine: Routine
) -> None:
    (oil,) = routine.begin((make_oil(), 1, "week", 8), customer=flakes.customer)
    card = routine.saved(flakes.customer, "mastercard")
    before = flakes.card

    after(visitor.press(flakes.reference, "card", card=card.stripe_payment_method_id), visitor, flakes)
    oil.refresh_from_db()
    assert (flakes.card, oil.card) == (card, oil.card)
    assert oil.card != card

    given = {"card": before.stripe_payment_method_id, "everything": "on"}
    after(visitor.press(flakes.reference, "card", **given), visitor, flakes)
    oil.refresh_from_db()
    assert flakes.card == oil.card == before


def test_it_ends_in_two_steps_with_a_reason(visitor: Visitor, flakes: Subscription) -> None:
    first = visitor.get(flakes.reference, "cancel").content.decode()
    assert "Or would this do?" in first
    assert "Go on to cancel" in first

    second = visitor.post(flakes.reference, "cancel", reason="I moved.", words="To a <bigger> flat")
    flakes.refresh_from_db()
    assert flakes.status == "active"
    assert "Yes, cancel it" in second.content.decode()

    given = {"reason": "I moved.", "words": "To a <bigger> flat", "sure": "1"}
    answers = [visitor.post(flakes.reference, "cancel", **given) for _ in range(2)]
    flakes.refresh_from_db()
    assert (flakes.status, flakes.status_reason) == ("cancelled", "I moved. To a <bigger> flat")
    assert all("It is cancelled" in answer.content.decode() for answer in answers)
    assert [mail.subject.split(" [")[0] for mail in mails("subscription_cancelled")] == [
        "Your refills are cancelled"
    ]
    assert "Refills that have ended (1)" in visitor.words()


def test_a_reason_is_not_asked_twice_nor_needed(visitor: Visitor, flakes: Subscription) -> None:
    visitor.post(flakes.reference, "cancel", sure="1")

    flakes.refresh_from_db()
    assert (flakes.status, flakes.status_reason) == ("cancelled", "Cancelled by the customer.")
    for verb in ("skip", "pause", "resume", "interval", "swap", "add", "send-now", "card"):
        assert "This refill has ended." in visitor.get(flakes.reference, verb).content.decode()
        assert visitor.post(flakes.reference, verb).status_code in {409, 422}


@pytest.mark.parametrize(
    ("verb", "given", "field", "words"),
    [
        ("pause", {"until": "2026-11-23"}, "until", "From tomorrow, within a year."),
        ("pause", {"until": "soon"}, "until", "Enter a valid date."),
        ("date", {"next_on": ""}, "next_on", "This field is required."),
        ("date", {"next_on": "2028-01-01"}, "next_on", "From tomorrow, within a year."),
        ("interval", {"interval": "day:1"}, "interval", "Select a valid choice"),
        ("quantity", {"quantity": "100"}, "quantity", "less than or equal to 99"),
        ("quantity", {"quantity": "two"}, "quantity", "Enter a whole number."),
        ("address", {**ADDRESS, "postal_code": "12345"}, "postal_code", "not a British postcode"),
        ("address", {**ADDRESS, "name": ""}, "name", "This field is required."),
        ("address", {**ADDRESS, "country": "DE", "postal_code": "10115"}, None, "are paid in EUR"),
        ("swap", {"sku": ""}, "sku", "Choose one of these first."),
        ("swap", {"sku": "NOPE"}, "sku", "Unknown"),
        ("add", {"sku": "NOPE", "quantity": "1"}, "sku", "Select a valid choice"),
        ("card", {"card": "pm_of_somebody_else"}, "card", "Select a valid choice"),
        ("cancel", {"reason": "", "words": "a\x00b"}, "words", "One line, without control characters."),
        ("send-now", {"expected_total": "much"}, None, "Look at the total again"),
    ],
)
def test_what_was_typed_wrongly_is_named_and_changes_nothing(
    visitor: Visitor, flakes: Subscription, verb: str, given: dict[str, str], field: str | None, words: str
) -> None:
    before = Subscription.objects.values().get()

    answer = visitor.post(flakes.reference, verb, **given)

    assert answer.status_code in {409, 422}
    errors = answer.context["form"].errors
    said = errors[field][0] if field else answer.content.decode()
    assert words in said or field == "sku"
    assert Subscription.objects.values().get() == before
    assert not mails("subscription_changed")
    assert not mails("subscription_cancelled")


def test_an_action_that_does_not_exist_is_not_there(visitor: Visitor, flakes: Subscription) -> None:
    assert visitor.get(flakes.reference, "explode").status_code == 404
    assert visitor.post(flakes.reference, "explode").status_code == 404


def test_goods_and_people_may_be_called_anything(visitor: Visitor, flakes: Subscription) -> None:
    evil = '<script>alert(1)</script>"&'
    type(flakes.variant.product).objects.update(name=evil)
    type(flakes.variant).objects.update(name=evil)
    there = {**flakes.shipping_address, "name": evil}
    Subscription.objects.update(shipping_address=there, status_reason=evil)
    ProductFactory.create(name=evil)

    pages = [visitor.get()] + [
        visitor.get(flakes.reference, verb)
        for verb in ("skip", "pause", "address", "swap", "add", "send-now", "card", "cancel")
    ]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.content.decode()


def test_a_long_list_costs_no_more_than_a_short_one(
    visitor: Visitor, flakes: Subscription, routine: Routine, django_assert_max_num_queries: Any
) -> None:
    routine.begin(*[(make_variant(), 1, "week", 4) for _ in range(6)], customer=flakes.customer)
    routine.begin(*[(make_oil(), 1, "week", 9) for _ in range(6)], customer=flakes.customer)
    routine.remind(cycle_of(flakes).due_at - days(5))

    with django_assert_max_num_queries(10):
        page = visitor.get()

    assert len(page.context["all"].items) == 13
    assert sorted(len(parcel.items) for parcel in page.context["all"].parcels) == [1, 6]
