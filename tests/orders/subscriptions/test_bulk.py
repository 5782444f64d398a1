"""One change of many subscriptions: looked at first, done once, each row with its own outcome."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from catalog.models import Variant
from orders.models import BulkChange, BulkChangeRow, PriceRise, Refill, Subscription
from orders.subscriptions import billing, bulk, changes, holding
from shop.accounts.models import User
from shop.exceptions import InvalidInput, Stale
from shop.mail import delivery, outbox
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors_clock")]
Kind, Outcome = BulkChange.Kind, BulkChangeRow.Outcome


@pytest.fixture
def manager() -> User:
    return User.objects.create_superuser("manager@shop.example", "secret-words-9")


def begin_many(routine: Routine, count: int) -> list[Subscription]:
    variant = make_variant(stock=50)
    return [routine.begin((variant, 1, "week", 4))[0] for _ in range(count)]


def said_yes(kind: str, wanted: dict[str, Any], manager: User, *, at: Any) -> BulkChange:
    """Return a bulk change of all subscriptions that staff have said yes to."""
    change = bulk.draft(kind, Subscription.objects.all(), actor=manager, at=at)
    bulk.check(change, wanted, at=at)
    count = bulk.counts(change).get(Outcome.WILL, 0)
    return bulk.ask(change, expected=count, actor=manager, at=at)


def outcomes(change: BulkChange) -> list[str]:
    return list(change.rows.order_by("subscription_id").values_list("outcome", flat=True))


def test_a_shift_shows_the_days_first_and_then_moves_them(routine: Routine, manager: User) -> None:
    one, two = begin_many(routine, 2)
    due_on = cycle_of(one).due_on
    changes.pause(two, until=None, at=routine.at)
    change = bulk.draft(Kind.SHIFT, Subscription.objects.all(), actor=manager, at=routine.at)

    bulk.check(change, {"days": 5}, at=routine.at)

    assert outcomes(change) == ["will", "left_out"]
    assert change.rows.get(subscription=one).words == "21 December 2026 → 26 December 2026."
    assert list(bulk.reasons(change, [Outcome.LEFT_OUT])) == [("Rests already.", 1)]
    assert cycle_of(one).due_on == due_on

    bulk.ask(change, expected=1, actor=manager, at=routine.at)
    assert bulk.work_off(at=routine.at) == 1

    change.refresh_from_db()
    assert (change.status, outcomes(change)) == ("done", ["done", "left_out"])
    assert cycle_of(one).due_on == due_on + days(5)
    assert one.events.get().actor == manager
    assert len(mails("subscription_changed")) == 2


def test_a_worker_that_died_after_the_change_does_not_shift_twice(routine: Routine, manager: User) -> None:
    """The verb was committed, the outcome was not: another worker takes the row up."""
    (one,) = begin_many(routine, 1)
    due_on = cycle_of(one).due_on
    change = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)
    bulk.work_off(at=routine.at)
    change.rows.update(outcome=Outcome.WILL, done_at=None)
    BulkChange.objects.update(status="asked")

    assert bulk.work_off(at=routine.at + timedelta(minutes=2)) == 0
    assert bulk.work_off(at=routine.at + timedelta(minutes=7)) == 1

    assert cycle_of(one).due_on == due_on + days(5)
    assert outcomes(change) == ["done"]
    assert len(mails("subscription_changed")) == 1


def test_a_date_that_its_owner_moved_meanwhile_is_left_alone(routine: Routine, manager: User) -> None:
    (one,) = begin_many(routine, 1)
    change = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)
    changes.reschedule(one, next_on=cycle_of(one).due_on + days(30), at=routine.at)
    moved_to = cycle_of(one).due_on

    bulk.work_off(at=routine.at)

    row = change.rows.get()
    assert (row.outcome, row.words) == ("left_out", "Its date was changed meanwhile.")
    assert cycle_of(one).due_on == moved_to


@pytest.mark.parametrize(
    ("kind", "wanted", "holds"),
    [
        (Kind.PAUSE, {"until": "2027-02-01"}, {"status": "paused", "paused_until__month": 2}),
        (Kind.PAUSE, {"until": None}, {"status": "paused", "paused_until": None}),
        (Kind.CANCEL, {"reason": "The shop moves."}, {"status": "cancelled"}),
        (Kind.SWAP, {"sku": "FLK-NEW"}, {"variant__sku": "FLK-NEW", "unit_price": 1125}),
    ],
)
def test_every_kind_is_done_once_and_repeating_it_leaves_all_out(
    routine: Routine, manager: User, kind: str, wanted: dict[str, Any], holds: dict[str, Any]
) -> None:
    begin_many(routine, 3)
    make_variant(sku="FLK-NEW")

    said_yes(kind, wanted, manager, at=routine.at)
    bulk.work_off(at=routine.at)

    assert Subscription.objects.filter(**holds).count() == 3
    letters = len(mails("subscription_changed")) + len(mails("subscription_cancelled"))
    assert letters == 3
    again = bulk.draft(kind, Subscription.objects.all(), actor=manager, at=routine.at)
    bulk.check(again, wanted, at=routine.at)
    assert outcomes(again) == ["left_out"] * 3
    with pytest.raises(InvalidInput):
        bulk.ask(again, expected=0, actor=manager, at=routine.at)


def test_skip_and_resume_do_it_once(routine: Routine, manager: User) -> None:
    one, two = begin_many(routine, 2)
    changes.pause(two, until=None, at=routine.at)
    change = said_yes(Kind.SKIP, {}, manager, at=routine.at)
    bulk.work_off(at=routine.at)
    change.rows.filter(subscription=one).update(outcome=Outcome.WILL, taken_at=None)
    BulkChange.objects.update(status="asked")
    bulk.work_off(at=routine.at)

    assert one.cycles.filter(status="skipped").count() == 1
    assert outcomes(change) == ["done", "left_out"]

    said_yes(Kind.RESUME, {}, manager, at=routine.at)
    bulk.work_off(at=routine.at)
    two.refresh_from_db()
    assert two.status == "active"


def test_a_rise_is_announced_and_a_cut_applies_at_once(routine: Routine, manager: User) -> None:
    one, two = begin_many(routine, 2)
    Subscription.objects.filter(pk=two.pk).update(unit_price=2000)
    applies_at = routine.at + days(14)
    wanted = {"currency": "GBP", "unit_price": 1300, "applies_at": applies_at.isoformat()}

    said_yes(Kind.REPRICE, wanted, manager, at=routine.at)
    bulk.work_off(at=routine.at)

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.unit_price, two.unit_price) == (1125, 1300)
    rise = PriceRise.objects.get()
    assert (rise.subscription, rise.new_price, rise.applies_at) == (one, 1300, applies_at)
    assert rise.decided_by == manager


@pytest.mark.parametrize("ahead", [6, 31])
def test_a_rise_too_soon_or_too_late_is_refused_before_anything_is_kept(
    routine: Routine, manager: User, ahead: int
) -> None:
    begin_many(routine, 1)
    change = bulk.draft(Kind.REPRICE, Subscription.objects.all(), actor=manager, at=routine.at)
    wanted = {
        "currency": "GBP", "unit_price": 1300, "applies_at": (routine.at + days(ahead)).isoformat(),
    }  # fmt: skip

    with pytest.raises(InvalidInput):
        bulk.check(change, wanted, at=routine.at)

    assert outcomes(change) == ["chosen"]


def test_only_what_was_shown_is_said_yes_to(routine: Routine, manager: User) -> None:
    begin_many(routine, 2)
    change = bulk.draft(Kind.SHIFT, Subscription.objects.all(), actor=manager, at=routine.at)
    bulk.check(change, {"days": 5}, at=routine.at)

    with pytest.raises(Stale):
        bulk.ask(change, expected=1, actor=manager, at=routine.at)
    bulk.ask(change, expected=2, actor=manager, at=routine.at)
    with pytest.raises(bulk.NotOpen):
        bulk.ask(change, expected=2, actor=manager, at=routine.at)
    with pytest.raises(bulk.NotOpen):
        bulk.check(change, {"days": 50}, at=routine.at)


def test_what_is_stopped_goes_no_further(routine: Routine, manager: User) -> None:
    _, two = begin_many(routine, 2)
    due_on = cycle_of(two).due_on
    change = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)
    bulk.work_off(at=routine.at, limit=1)

    bulk.drop(change, at=routine.at)

    assert bulk.work_off(at=routine.at) == 0
    assert outcomes(change) == ["done", "left_out"]
    assert cycle_of(two).due_on == due_on


def test_too_many_are_refused(routine: Routine, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_many(routine, 3)
    monkeypatch.setattr(bulk, "MOST", 2)

    with pytest.raises(bulk.TooMany):
        bulk.draft(Kind.SHIFT, Subscription.objects.all(), actor=manager, at=routine.at)

    assert BulkChange.objects.count() == 0


def test_what_nobody_said_yes_to_is_forgotten(routine: Routine, manager: User) -> None:
    begin_many(routine, 1)
    bulk.draft(Kind.SHIFT, Subscription.objects.all(), actor=manager, at=routine.at)
    asked = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)

    assert bulk.forget_drafts(at=routine.at + days(3)) == 1

    assert BulkChange.objects.get() == asked


def test_checking_costs_the_same_however_many_there_are(
    routine: Routine, manager: User, django_assert_max_num_queries: Any
) -> None:
    begin_many(routine, 12)
    change = bulk.draft(Kind.SHIFT, Subscription.objects.all(), actor=manager, at=routine.at)

    with django_assert_max_num_queries(16):
        bulk.check(change, {"days": 5}, at=routine.at)

    assert outcomes(change) == ["will"] * 12


def test_from_the_list_to_the_outcome_in_the_admin(routine: Routine, manager: User) -> None:
    one, two = begin_many(routine, 2)
    due_on = cycle_of(one).due_on
    client = Client()
    client.force_login(manager)

    answer = client.post(
        "/admin/orders/subscription/", {"action": "bulk_shift", "_selected_action": [one.pk, two.pk]}
    )
    change = BulkChange.objects.get()
    assert answer["Location"] == f"/admin/orders/bulkchange/{change.pk}/say_what/"
    wrong = client.post(answer["Location"], {"days": 0}).content.decode()
    assert "By a day at least." in wrong
    shown = client.post(answer["Location"], {"days": 3}, follow=True).content.decode()
    assert "2 would be changed" in shown
    assert "21 December 2026 → 24 December 2026." in shown
    assert cycle_of(one).due_on == due_on

    yes = f"/admin/orders/bulkchange/{change.pk}/say_yes/"
    assert "Do it to 2" in client.get(yes).content.decode()
    client.post(yes, {"expected": 2})
    client.post(yes, {"expected": 2})
    bulk.work_off(at=routine.at + days(1))

    assert cycle_of(one).due_on == due_on + days(3)
    page = client.get(f"/admin/orders/bulkchange/{change.pk}/change/").content.decode()
    assert "2 done" in page.replace("\xa0", " ").lower()


def test_what_is_sold_no_more_by_its_turn_is_refused_and_stops_nothing_else(
    routine: Routine, manager: User
) -> None:
    begin_many(routine, 2)
    new = make_variant(sku="FLK-NEW")
    swap = said_yes(Kind.SWAP, {"sku": "FLK-NEW"}, manager, at=routine.at)
    shift = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)
    Variant.objects.filter(pk=new.pk).update(archived_at=routine.at)

    assert bulk.work_off(at=routine.at) == 4

    swap.refresh_from_db()
    assert (swap.status, outcomes(swap)) == ("done", ["refused"] * 2)
    assert "FLK-NEW" in swap.rows.first().words
    assert outcomes(shift) == ["done"] * 2
    assert not Subscription.objects.filter(variant=new).exists()


@pytest.mark.parametrize("kind", Kind.values)
def test_one_that_was_stopped_before_anything_was_said_is_still_listed(
    routine: Routine, manager: User, kind: str
) -> None:
    begin_many(routine, 1)
    client = Client()
    client.force_login(manager)
    change = bulk.draft(kind, Subscription.objects.all(), actor=manager, at=routine.at)

    client.post(f"/admin/orders/bulkchange/{change.pk}/stop_it/")

    for page in ("", f"{change.pk}/change/", f"{change.pk}/say_yes/"):
        assert client.get(f"/admin/orders/bulkchange/{page}").status_code == 200
    change.refresh_from_db()
    assert change.status == "dropped"


@pytest.mark.parametrize("chosen", [["\N{SUPERSCRIPT TWO}"], ["abc"], ["\x00"], [""], ["9" * 5000]])
def test_rows_that_nobody_can_choose_are_refused(routine: Routine, manager: User, chosen: list[str]) -> None:
    begin_many(routine, 1)
    client = Client()
    client.force_login(manager)

    answer = client.post("/admin/orders/subscription/", {"action": "bulk_skip", "_selected_action": chosen})

    assert answer.status_code == 400
    assert not BulkChange.objects.exists()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_shift_and_a_claim_at_once_never_charge_what_was_moved(routine: Routine, manager: User) -> None:
    """Whoever comes first has it: claimed and left where it was, or moved and not claimed."""
    for _ in range(4):
        claimed, moved = race(routine, manager)

        assert claimed != moved


@pytest.mark.django_db(transaction=True)
def test_without_the_guard_a_claimed_refill_is_moved_away(
    routine: Routine, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the guard off, a shift after the claim empties what a worker is about to charge."""
    monkeypatch.setattr(holding, "refuse_claimed", lambda held: None)
    monkeypatch.setattr(bulk.bulk_verdicts, "_AT_WORK", None)
    (one,) = begin_many(routine, 1)
    change = said_yes(Kind.SHIFT, {"days": 40}, manager, at=routine.at)
    due_at = cycle_of(one).due_at
    routine.remind(due_at - days(5))
    assert len(billing.claim(at=due_at)) == 1

    bulk.work_off(at=due_at)

    assert outcomes(change) == ["done"]
    assert Refill.objects.get().cycles.count() == 0


def race(routine: Routine, manager: User) -> tuple[bool, bool]:
    """Claim what is due and shift it, on two connections; return whether each of them had it."""
    (one,) = begin_many(routine, 1)
    change = bulk.draft(Kind.SHIFT, Subscription.objects.filter(pk=one.pk), actor=manager, at=routine.at)
    due_at, due_on = cycle_of(one).due_at, cycle_of(one).due_on
    bulk.check(change, {"days": 40}, at=routine.at)
    bulk.ask(change, expected=1, actor=manager, at=routine.at)
    routine.remind(due_at - days(5))

    claimed, _ = together(lambda: billing.claim(at=due_at), lambda: bulk.work_off(at=due_at))

    moved = cycle_of(one).due_on != due_on
    refill = Refill.objects.order_by("-pk")[0]
    assert (refill.status == "claimed") == bool(claimed)
    assert refill.cycles.exists() == bool(claimed)
    Subscription.objects.filter(pk=one.pk).update(status="cancelled")
    Refill.objects.filter(pk=refill.pk).update(status="skipped", next_attempt_at=None)
    return bool(claimed), moved


def test_what_a_worker_has_taken_stops_as_well(
    routine: Routine, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = begin_many(routine, 2)
    change = said_yes(Kind.CANCEL, {"reason": "Closing down."}, manager, at=routine.at)
    verb = bulk._VERBS[Kind.CANCEL]

    def cancel_and_stop(*args: Any) -> object:
        answer = verb(*args)
        bulk.drop(change, at=routine.at)
        return answer

    monkeypatch.setitem(bulk._VERBS, Kind.CANCEL, cancel_and_stop)
    bulk.work_off(at=routine.at)

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, two.status) == ("cancelled", "active")
    assert change.rows.get(subscription=two).words == "Stopped before its turn."


def test_one_that_breaks_does_not_hold_up_those_behind_it(
    routine: Routine, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = begin_many(routine, 2)
    change = said_yes(Kind.PAUSE, {}, manager, at=routine.at)
    verb = bulk._VERBS[Kind.PAUSE]

    def break_one(row: Subscription, *args: Any) -> object:
        if row.pk == one.pk:
            raise KeyError("a mistake of ours")
        return verb(row, *args)

    monkeypatch.setitem(bulk._VERBS, Kind.PAUSE, break_one)
    bulk.work_off(at=routine.at)

    change.refresh_from_db()
    two.refresh_from_db()
    assert (two.status, change.status, outcomes(change)) == ("paused", "done", ["refused", "done"])


def test_a_swap_for_something_that_is_no_longer_sold_ends(routine: Routine, manager: User) -> None:
    one, two = begin_many(routine, 2)
    other = make_variant(stock=50)
    change = said_yes(Kind.SWAP, {"sku": other.sku}, manager, at=routine.at)
    other.archived_at = routine.at
    other.save()

    bulk.work_off(at=routine.at)

    change.refresh_from_db()
    one.refresh_from_db()
    assert (change.status, outcomes(change)) == ("done", ["refused", "refused"])
    assert one.variant == two.variant


def test_many_changes_draw_no_mail_and_wake_one_sweep(
    routine: Routine,
    manager: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    django_assert_max_num_queries: Any,
) -> None:
    """Else each change waits for its mail's words, and workers who send mails get in its way."""
    begin_many(routine, 4)
    change = said_yes(Kind.PAUSE, {"until": None}, manager, at=routine.at)
    before = set(OutboxMessage.objects.values_list("pk", flat=True))
    woken: list[str] = []
    monkeypatch.setattr(outbox, "nudge", lambda message_id: woken.append("one"))
    monkeypatch.setattr(outbox, "nudge_sweep", lambda: woken.append("sweep"))

    with django_capture_on_commit_callbacks(execute=True), django_assert_max_num_queries(12 + 4 * 18):
        bulk.work_off(at=routine.at)

    written = OutboxMessage.objects.exclude(pk__in=before)
    assert outcomes(change) == ["done"] * 4
    assert set(written.values_list("template", "text")) == {("orders/mail/subscription_changed", "")}
    assert written.count() == 4
    assert woken == ["sweep"]
    assert delivery.deliver_due(at=routine.at) >= 4
    assert "Paused until you take it up again." in written[0].text


def test_what_changes_while_others_are_changed_is_looked_at_again(
    routine: Routine, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are read together: the second one's owner moves its day after that, and before its turn."""
    one, two = begin_many(routine, 2)
    change = said_yes(Kind.SHIFT, {"days": 5}, manager, at=routine.at)
    real, moved_to = changes.reschedule, cycle_of(two).due_on + timedelta(days=9)

    def meanwhile(row: Subscription, **wanted: Any) -> Subscription:
        found = real(row, **wanted)
        if row.pk == one.pk:
            real(Subscription.objects.get(pk=two.pk), next_on=moved_to, at=routine.at)
        return found

    monkeypatch.setattr(changes, "reschedule", meanwhile)

    bulk.work_off(at=routine.at)
    assert outcomes(change) == ["done", "will"]
    bulk.work_off(at=routine.at)

    assert outcomes(change) == ["done", "left_out"]
    assert cycle_of(two).due_on == moved_to
