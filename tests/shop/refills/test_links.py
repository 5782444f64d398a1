"""Links in mails: what they open, for how long, and that looking at them changes nothing."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import links, refill_links
from orders.models import BillingCycle, Refill, Subscription
from orders.refill_links import Purpose
from orders.subscriptions import billing, changes, cycles, extras, skipping
from shop.logs import redact
from shop.mail import outbox
from shop.transitions import InvalidTransition
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together
from tests.shop.refills.conftest import by_link, token

pytestmark = pytest.mark.django_db


@pytest.fixture
def flakes(routine: Routine) -> Subscription:
    """One pouch every four weeks, due on 21 December 2026."""
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    return row


@pytest.fixture
def refill(routine: Routine, flakes: Subscription) -> Refill:
    """The parcel of 21 December, announced."""
    return routine.remind(cycle_of(flakes).due_at - days(5))


def links_in(text: str) -> dict[str, str]:
    """Return the addresses of a mail's text by their words."""
    return dict(re.findall(r"^(.+): http://testserver(/r/\S+)$", text, re.MULTILINE))


def test_a_parcel_is_skipped_from_the_mail_in_two_taps(refill: Refill, flakes: Subscription) -> None:
    (mail,) = mails("refill_upcoming")
    browser, address = Client(), links_in(mail.text)["Skip this parcel"]

    page = browser.get(address)
    assert page.status_code == 200
    assert page.content.decode().count("<button") == 2, "the search and the one big button"
    done = browser.post(address, follow=True)

    assert "This parcel is left out. Nothing is charged for it." in done.content.decode()
    refill.refresh_from_db()
    assert refill.status == "skipped"
    assert cycle_of(flakes).due_on.isoformat() == "2027-01-18"


def test_programs_that_open_links_change_nothing(refill: Refill, flakes: Subscription) -> None:
    (mail,) = mails("refill_upcoming")
    before = (
        Subscription.objects.values().get(),
        Refill.objects.values().get(),
        BillingCycle.objects.values().get(),
    )

    for address in links_in(mail.text).values():
        for method in ("get", "head", "get"):
            assert getattr(Client(), method)(address, follow=True).status_code == 200
        assert Client().options(address).status_code == 405

    now = (
        Subscription.objects.values().get(),
        Refill.objects.values().get(),
        BillingCycle.objects.values().get(),
    )
    assert now == before
    assert not mails("subscription_changed")


def test_skipped_twice_is_skipped_once(refill: Refill, flakes: Subscription) -> None:
    visitor = by_link(refill, Purpose.SKIP)

    answers = [visitor.post() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert "This parcel is left out" in visitor.words()
    assert flakes.cycles.filter(status="skipped").count() == 1
    assert len(mails("subscription_changed")) == 1


def test_an_old_link_skips_the_parcel_that_it_names_and_no_later_one(
    routine: Routine, refill: Refill, flakes: Subscription
) -> None:
    visitor = by_link(refill, Purpose.SKIP)
    visitor.post()
    later = routine.remind(cycle_of(flakes).due_at - days(5))

    visitor.post()

    later.refresh_from_db()
    assert (later.status, later != refill) == ("planned", True)
    assert cycle_of(flakes).due_on.isoformat() == "2027-01-18"


def test_a_skip_is_taken_back_by_the_same_link(
    routine: Routine, refill: Refill, flakes: Subscription
) -> None:
    visitor = by_link(refill, Purpose.SKIP)
    visitor.post()
    assert "Let it come after all" in visitor.words()

    for _ in range(2):
        visitor.post(take_back="1")

    assert cycle_of(flakes).due_on.isoformat() == "2026-12-21"
    again = routine.remind(cycle_of(flakes).due_at - days(4))
    assert (again.status, again != refill, again.quoted_total) == ("planned", True, refill.quoted_total)


def test_three_in_one_parcel_are_skipped_together_and_told_once(routine: Routine) -> None:
    items = routine.begin(*[(make_variant(), 1, "week", count) for count in (4, 4, 4)])
    extras.add(items[0], sku=make_oil().sku, quantity=1, at=routine.at)
    refill = routine.remind(cycle_of(items[0]).due_at - days(5))
    told = len(mails("subscription_changed"))

    by_link(refill, Purpose.SKIP).post()

    assert {cycle_of(row).due_on.isoformat() for row in items} == {"2027-01-18"}
    assert items[0].extras.get().status == "waiting"
    (mail,) = mails("subscription_changed")[told:]
    assert mail.text.count("1 ×") == 4
    assert refill.items.count() == 4, "the record of what it held"
    for row in items:
        assert row.events.latest("pk").message == "The next parcel is left out, with everything in it."


def test_one_of_three_is_skipped_and_the_others_come(routine: Routine) -> None:
    items = routine.begin(*[(make_variant(), 1, "week", 4) for _ in range(3)])
    refill = routine.remind(cycle_of(items[0]).due_at - days(5))

    by_link(refill).press(items[1].reference, "skip")

    refill.refresh_from_db()
    assert (refill.status, refill.items.count()) == ("planned", 2)
    assert refill.quoted_total == 2 * 1125 + 595
    assert cycle_of(items[1]).due_on.isoformat() == "2027-01-18"


def test_too_late_is_said_kindly_and_changes_nothing(refill: Refill, flakes: Subscription) -> None:
    Refill.objects.update(status="claimed", claimed_at=refill.due_at)
    visitor, everything = by_link(refill, Purpose.SKIP), by_link(refill)

    shown, refused = visitor.get(), visitor.post()

    assert (shown.status_code, refused.status_code) == (200, 409)
    for page in (shown, refused):
        assert "Skipping applies from the next refill." in page.content.decode()
    for verb, given in (
        ("skip", {}),
        ("pause", {"until": ""}),
        ("quantity", {"quantity": "2"}),
        ("date", {"next_on": "2027-03-01"}),
        ("plenty", {}),
    ):
        answer = everything.post(flakes.reference, verb, **given)
        assert answer.status_code == 409
        assert "applies from the next refill" in answer.content.decode()
    assert by_link(refill, Purpose.PLENTY).post(subscription=flakes.reference).status_code == 409
    refill.refresh_from_db()
    flakes.refresh_from_db()
    assert (refill.status, flakes.status, flakes.quantity, flakes.interval_count) == (
        "claimed",
        "active",
        1,
        4,
    )


def test_a_paid_parcel_says_that_it_is_packed(refill: Refill, flakes: Subscription) -> None:
    order = flakes.started_by.order
    Refill.objects.update(status="paid", paid_at=refill.due_at, order=order)
    visitor = by_link(refill, Purpose.SKIP)

    assert "It is paid, and we pack it. Skipping applies from the next refill." in visitor.words()
    assert visitor.post().status_code == 409
    assert "too late to move this one" in by_link(refill, Purpose.PLENTY).words()


def test_plenty_left_moves_the_parcel_once(refill: Refill, flakes: Subscription) -> None:
    visitor = by_link(refill, Purpose.PLENTY)
    page = visitor.words()
    assert "every 6 weeks" in page
    assert "4 January 2027" in page
    seen = re.findall(r'name="seen" value="(\w+)"', page)[0]

    for _ in range(2):
        answer = visitor.post(subscription=flakes.reference, seen=seen)
        assert answer.status_code == 302

    flakes.refresh_from_db()
    assert (flakes.interval_unit, flakes.interval_count) == ("week", 6)
    assert cycle_of(flakes).due_on.isoformat() == "2027-01-04"
    assert "This parcel does not come" in visitor.words()


def test_plenty_left_looks_again_if_something_has_changed(refill: Refill, flakes: Subscription) -> None:
    visitor = by_link(refill, Purpose.PLENTY)
    seen = re.findall(r'name="seen" value="(\w+)"', visitor.words())[0]
    by_link(flakes).press(flakes.reference, "quantity", quantity="2")

    answer = visitor.post(subscription=flakes.reference, seen=seen)

    assert answer.status_code == 412
    assert "This is how it stands now" in answer.content.decode()
    flakes.refresh_from_db()
    assert flakes.interval_count == 4


def test_a_link_for_one_thing_opens_nothing_else(refill: Refill, flakes: Subscription) -> None:
    for purpose in (Purpose.SKIP, Purpose.PLENTY):
        visitor = by_link(refill, purpose)
        assert flakes.reference not in visitor.words() or purpose == Purpose.PLENTY
        for path in (
            [flakes.reference, "cancel"],
            [flakes.reference, "skip"],
            [refill.reference, "skip"],
            ["cancel"],
        ):
            for answer in (visitor.get(*path), visitor.post(*path, sure="1")):
                assert answer.status_code == 404
                assert "This link is not valid any more" in answer.content.decode()
    flakes.refresh_from_db()
    assert flakes.status == "active"


def test_forged_and_borrowed_links_open_nothing(
    routine: Routine, refill: Refill, flakes: Subscription
) -> None:
    good = token(refill)
    order_token = links.order_token(flakes.started_by.order)
    bad = [good[:-1], good + "x", good.swapcase(), "x", f"{good}:{good}", order_token, "eyJh:b:c", "a" * 4000]

    for text in bad:
        for address in (f"/r/{text}", f"/r/{text}/{flakes.reference}/cancel"):
            for answer in (Client().get(address), Client().post(address, {"sure": "1"})):
                assert answer.status_code == 404, text
                assert "not valid any more" in answer.content.decode()
    assert Client().get(f"/o/{good}").status_code == 404
    flakes.refresh_from_db()
    assert flakes.status == "active"


def test_a_link_to_what_is_gone_is_not_valid(db: None) -> None:
    lost = refill_links.token(Purpose.ALL, "S-000000000000")

    assert Client().get(f"/r/{lost}").status_code == 404


def test_an_old_link_is_renewed_by_mail_without_typing(
    refill: Refill, flakes: Subscription, settings: Any
) -> None:
    visitor = by_link(refill, Purpose.SKIP)
    settings.REFILL_LINK_MAX_AGE = timedelta(seconds=-1)
    shown, refused = visitor.get(), visitor.post()
    assert (shown.status_code, refused.status_code) == (404, 404)
    assert flakes.customer.email not in shown.content.decode()
    expired = visitor.base.removeprefix("/r/")

    answer = Client().post("/refills", {"expired": expired})

    assert "Look into your mailbox" in answer.content.decode()
    (mail,) = mails("refill_links")
    assert mail.to == flakes.customer.email
    settings.REFILL_LINK_MAX_AGE = timedelta(days=60)
    (fresh,) = links_in(mail.text).values()
    assert flakes.reference in Client().get(fresh).content.decode()
    refill.refresh_from_db()
    assert refill.status == "planned"


def test_the_answer_is_the_same_whoever_asks_for_a_link(routine: Routine, flakes: Subscription) -> None:
    known, upper, unknown = flakes.customer.email, flakes.customer.email.upper(), "eve@buyer.example"

    answers = [Client().post("/refills", {"email": email}) for email in (known, upper, unknown)]
    answers += [Client().post("/refills", {"expired": text}) for text in (token(flakes), "forged")]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [mail.to for mail in mails("refill_links")] == [known] * 3


def test_an_unknown_address_costs_as_many_queries_and_writes_nothing(
    routine: Routine, flakes: Subscription
) -> None:
    def asked(email: str) -> list[str]:
        with CaptureQueriesContext(connection) as found:
            Client().post("/refills", {"email": email})
        return [
            row["sql"].split(" ")[0]
            for row in found
            if "outbox" in row["sql"] or "subscription" in row["sql"]
        ]

    known, unknown = asked(flakes.customer.email), asked("eve@buyer.example")

    assert known == unknown
    assert [mail.to for mail in mails("refill_links")] == [flakes.customer.email]


def test_a_worker_is_woken_whoever_asks_for_a_link(
    flakes: Subscription, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """Waking takes a moment, and far longer while Redis is gone: it must not tell who has refills."""
    woken: list[str] = []
    monkeypatch.setattr(outbox, "wake", lambda task, *args: woken.append(task.name))

    for email in (flakes.customer.email, "eve@buyer.example"):
        with django_capture_on_commit_callbacks(execute=True):
            Client().post("/refills", {"email": email})

    assert woken == ["mail.deliver_message", "mail.sweep_outbox"]


def test_an_address_with_two_customers_gets_a_link_to_each(routine: Routine) -> None:
    first, second = (routine.begin((make_variant(), 1, "week", 4))[0] for _ in range(2))
    type(first.customer).objects.update(email="ada@buyer.example")

    Client().post("/refills", {"email": "ada@buyer.example"})

    opened = [Client().get(*links_in(mail.text).values()).content.decode() for mail in mails("refill_links")]
    assert sorted([first.reference in page, second.reference in page] for page in opened) == [
        [False, True],
        [True, False],
    ]


@pytest.mark.parametrize("typed", ["", "ada", "ada@", "a\x00@buyer.example"])
def test_what_is_no_address_is_named(routine: Routine, typed: str) -> None:
    answer = Client().post("/refills", {"email": typed})

    assert answer.status_code == 422
    assert answer.context["form"].errors["email"]


def test_mailboxes_are_not_flooded(routine: Routine, flakes: Subscription, settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1
    answers = [Client().post("/refills", {"email": flakes.customer.email}) for _ in range(7)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1]["Retry-After"]) > 0
    assert len(mails("refill_links")) == 5


def test_changes_are_limited_and_looking_is_not(flakes: Subscription, settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1
    settings.LIMITS = {**settings.LIMITS, "refill_changes_per_holder": (2, 3600)}
    visitor = by_link(flakes)

    answers = [visitor.post(flakes.reference, "quantity", quantity=str(n)) for n in (2, 3, 4)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    flakes.refresh_from_db()
    assert flakes.quantity == 3
    assert visitor.get().status_code == 200


def test_these_pages_are_kept_by_nobody(refill: Refill, flakes: Subscription) -> None:
    for visitor, path in (
        (by_link(refill, Purpose.SKIP), []),
        (by_link(refill, Purpose.PLENTY), []),
        (by_link(refill), []),
        (by_link(refill), [flakes.reference, "cancel"]),
    ):
        page = visitor.get(*path)
        assert "no-store" in page["Cache-Control"]
        assert page["Referrer-Policy"] == "same-origin"
        assert 'name="robots" content="noindex' in page.content.decode()
        assert visitor.base.rpartition("/")[2] not in redact(f"GET {visitor.base}/x HTTP/1.1")
    assert "Disallow: /r/" in Client().get("/robots.txt").content.decode()


def test_the_log_of_a_refusal_holds_no_key(
    refill: Refill, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    Refill.objects.update(status="claimed", claimed_at=refill.due_at)
    visitor = by_link(refill, Purpose.SKIP)
    with caplog.at_level(logging.WARNING):
        visitor.post()

    lines = [redact(record.getMessage()) for record in caplog.records]
    assert lines
    assert not any(visitor.base.removeprefix("/r/") in line for line in lines)


def test_a_form_without_its_csrf_token_is_refused(refill: Refill) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(f"/r/{token(refill, Purpose.SKIP)}").status_code == 403
    refill.refresh_from_db()
    assert refill.status == "planned"


def _skip_at_once(refill: Refill) -> list[Any]:
    def skip() -> object:
        try:
            return skipping.skip(Refill.objects.get(pk=refill.pk), at=refill.due_at - days(1))
        except (IntegrityError, InvalidTransition) as error:
            return error

    return together(*[skip] * 4)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_locked", [True, False])
def test_a_parcel_skipped_by_four_at_once_is_skipped_once(
    routine: Routine, refill: Refill, flakes: Subscription, is_locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = len(mails("subscription_changed"))
    if not is_locked:
        monkeypatch.setattr(cycles, "lock_refill", lambda pk: Refill.objects.get(pk=pk))

    found = _skip_at_once(refill)

    failed = [answer for answer in found if isinstance(answer, Exception)]
    assert flakes.cycles.filter(status="skipped").count() == 1, "a constraint keeps it, whatever happens"
    if is_locked:
        assert failed == []
        assert len(mails("subscription_changed")) == told + 1
    else:
        assert failed, "without the lock somebody is turned away by a constraint"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_skip_and_a_claim_at_once_have_one_winner(
    routine: Routine, refill: Refill, flakes: Subscription
) -> None:
    def skip() -> str:
        try:
            return skipping.skip(refill, at=refill.due_at).status
        except skipping.holding.AppliesFromNextRefill:
            return "too late"

    skipped, claimed = together(skip, lambda: billing.claim(at=refill.due_at))

    refill.refresh_from_db()
    assert (skipped, claimed, refill.status) in [
        ("skipped", [], "skipped"),
        ("too late", [refill.pk], "claimed"),
    ]


def test_the_engine_tells_what_longer_means_before_it_does_it(routine: Routine, flakes: Subscription) -> None:
    said = changes.longer_from(flakes, cycle_of(flakes), at=routine.at)

    changes.lengthen(flakes, at=routine.at)

    flakes.refresh_from_db()
    assert said == (flakes.interval_unit, flakes.interval_count, cycle_of(flakes).due_on)
