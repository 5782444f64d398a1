"""A simulation of refills: it plays, it can be repeated, it finds what is broken, and it stays away from the shop."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from orders.models import Order, Refill
from shop.clock import reading
from shop.exceptions import Forbidden
from shop.management.commands import simulate_refills
from shop.simulation import evidence, invariants, stage
from shop.simulation.play import BEGINS_AT, PEACE_DAYS, Outcome, play
from tests.factories.orders import make_paid_order

QUICK = {"turns_a_day": 2}
DAYS = 35


@pytest.fixture
def movable(settings: Any) -> Iterator[None]:
    """Settings in which the clock moves, as in a shop on a developer's machine."""
    settings.CLOCK_CAN_MOVE = True
    yield
    reading.stand_at(None)


def play_here(**wanted: int) -> tuple[Outcome, dict[str, Any]]:
    """Return what came of a play in this database, and Stripe's ledger after it."""
    with stage.set_up(here=True) as (desk, troubles):
        return play(desk, troubles, **{**QUICK, **wanted}), desk.ledger()


@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_the_same_seed_writes_the_same_books_and_another_one_others(movable: None) -> None:
    books = []
    for seed in (5, 5, 6):
        books.append(play_here(subscriptions=2, days=6, seed=seed)[0])
        call_command("flush", verbosity=0, interactive=False)

    assert books[0].books == books[1].books
    assert books[0].digest == books[1].digest != books[2].digest


A_PAID_REFILL = "(SELECT min(id) FROM orders_refill WHERE status = 'paid' AND asked_at IS NULL)"
AN_OPEN_CYCLE = """(SELECT min(c.id) FROM orders_billing_cycle c JOIN orders_subscription s ON s.id = c.subscription_id
                    WHERE c.status = 'open' AND s.status = 'active')"""
SPOILED = {
    "one open cycle a live subscription": f"""UPDATE orders_billing_cycle SET status = 'skipped', closed_at = due_at
        WHERE id = {AN_OPEN_CYCLE}""",
    "one charge a paid refill, and none else": f"UPDATE orders_refill SET status = 'failed' WHERE id = {A_PAID_REFILL}",
    "never above the quoted total": f"""UPDATE orders_refill SET quoted_total = quoted_total - 1
        WHERE id = {A_PAID_REFILL}""",
    "never without a notice 48 hours before": f"""UPDATE mail_outbox SET sent_at = sent_at + interval '40 days'
        WHERE id = (SELECT notice_id FROM orders_refill WHERE id = {A_PAID_REFILL})""",
    "no second charge within half an interval": f"""UPDATE orders_order_line SET refill_unit = 'month', refill_count = 12
        WHERE order_id = (SELECT order_id FROM orders_refill WHERE id = {A_PAID_REFILL}) AND refill_unit IS NOT NULL""",
    "nothing after a cancellation": f"""UPDATE orders_subscription SET cancelled_at = created_at WHERE id =
        (SELECT min(subscription_id) FROM orders_billing_cycle WHERE refill_id = {A_PAID_REFILL})""",
    "the cadence is kept": f"UPDATE orders_billing_cycle SET due_on = due_on + 1 WHERE id = {AN_OPEN_CYCLE}",
    "stock agrees with its ledger": """UPDATE catalog_stock_level SET on_hand = on_hand + 1
        WHERE id = (SELECT min(id) FROM catalog_stock_level)""",
    "the sums are Stripe's": """UPDATE orders_payment SET amount_received = amount_received - 1 WHERE id =
        (SELECT min(id) FROM orders_payment WHERE amount_received > 0)""",
    "no mail is left": """UPDATE mail_outbox SET status = 'pending', sent_at = NULL
        WHERE id = (SELECT min(id) FROM mail_outbox)""",
    "every refill is in a state that the rules allow": """UPDATE orders_refill SET status = 'claimed'
        WHERE id = (SELECT min(id) FROM orders_refill WHERE status = 'planned')""",
    "nothing is left open": """UPDATE orders_payment_attempt SET outcome = 'unknown'
        WHERE id = (SELECT min(id) FROM orders_payment_attempt)""",
}


@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_five_weeks_of_trouble_break_nothing_and_whatever_is_spoiled_after_them_is_noticed(
    movable: None,
) -> None:
    outcome, ledger = play_here(subscriptions=14, days=DAYS, seed=1)
    at = BEGINS_AT + timedelta(days=DAYS + PEACE_DAYS)
    refills = Refill.objects.filter(status="paid").order_by("pk")
    [charge] = [
        row for row in ledger["charges"] if row["metadata"].get("order_id") == refills[0].order.reference
    ]

    noticed = {name: broken_by(sql, ledger, at=at) for name, sql in SPOILED.items()}
    twice = broken(with_charge(ledger, **{**charge, "id": "ch_again"}), at=at)
    nobodys = broken(with_charge(ledger, **{**charge, "id": "ch_nobodys", "metadata": {}}), at=at)
    of_a_coming_refill = broken_by(put_aside("planned"), ledger, at=at)
    of_one_that_is_over = broken_by(put_aside("skipped"), ledger, at=at)

    assert outcome.broken == []
    assert refills.count() >= 10
    assert sum(charge["status"] == "succeeded" for charge in ledger["charges"]) >= 20
    troubles = outcome.books[outcome.books.index("Faults") + 1 :]
    assert len(troubles[: troubles.index("")]) >= 5, "of so many kinds, at least"
    assert reading.now() < datetime(2027, 1, 1, tzinfo=UTC), "the clock goes on as before"
    assert SPOILED.keys() == invariants.INVARIANTS.keys(), "each invariant once"
    assert {name: name in found for name, found in noticed.items()} == dict.fromkeys(SPOILED, True)
    assert [refills[0].reference in line for line in twice if line.startswith("one charge")] == [True]
    assert (
        "one charge a paid refill, and none else: ch_nobodys paid for nothing, which is not paid here"
        in nobodys
    )
    assert "no mail is left" in of_a_coming_refill, "whoever is charged was to be told"
    assert "no mail is left" not in of_one_that_is_over, "a notice of nothing is rightly put aside"
    assert broken(ledger, at=at) == [], "everything was rolled back"


def put_aside(refill_status: str) -> str:
    """Return SQL that puts the notice of a coming refill aside unsent, the refill in this state."""
    return f"""WITH one AS (UPDATE orders_refill SET status = '{refill_status}' WHERE id =
                   (SELECT min(id) FROM orders_refill WHERE status = 'planned' AND notice_id IS NOT NULL)
               RETURNING notice_id)
        UPDATE mail_outbox SET status = 'suppressed', sent_at = NULL, last_error = 'no longer true'
        WHERE id IN (SELECT notice_id FROM one)"""


def broken(ledger: dict[str, Any], *, at: datetime) -> list[str]:
    return invariants.broken(evidence.read(ledger, at=at))


def with_charge(ledger: dict[str, Any], **charge: Any) -> dict[str, Any]:
    """Return a ledger that holds one charge more."""
    return {**ledger, "charges": [*ledger["charges"], charge]}


def broken_by(sql: str, ledger: dict[str, Any], *, at: datetime) -> set[str]:
    """Return the invariants that a row spoiled by SQL breaks; nothing of it stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount >= 1, sql
        found = {line.split(":")[0] for line in broken(ledger, at=at)}
        transaction.set_rollback(True)
    return found


@pytest.mark.django_db(transaction=True)
def test_what_is_broken_is_printed_and_the_exit_code_is_one(
    movable: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, spoiled = Outcome([], ["1 charge"], "abc"), Outcome(["no mail is left: one"], ["1 charge"], "abc")

    monkeypatch.setattr(simulate_refills, "play", lambda *args, **wanted: sound)
    call_command("simulate_refills", here=True)
    assert "Every invariant held." in capsys.readouterr().out

    monkeypatch.setattr(simulate_refills, "play", lambda *args, **wanted: spoiled)
    with pytest.raises(SystemExit) as end:
        call_command("simulate_refills", here=True)

    printed = capsys.readouterr()
    assert end.value.code == 1
    assert "no mail is left: one" in printed.err
    assert "Every invariant held." not in printed.out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLOCK_CAN_MOVE", False, "real money"),
        ("STRIPE_LIVE_KEYS_ALLOWED", True, "real money"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_x", "live key"),
        ("STRIPE_SECRET_KEY", "sk_test_somebodys", "not devstripe"),
    ],
)
def test_it_refuses_whatever_could_be_real(
    movable: None, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: object, said: str
) -> None:
    started: list[object] = []
    monkeypatch.setattr(stage.subprocess, "Popen", lambda *args, **options: started.append(args))
    setattr(settings, name, value)

    with pytest.raises(CommandError, match=said):
        call_command("simulate_refills", here=True)

    assert started == []
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_a_database_with_orders_is_left_alone(movable: None) -> None:
    order = make_paid_order()

    with pytest.raises(CommandError, match="This database holds orders"):
        call_command("simulate_refills", here=True)

    assert list(Order.objects.all()) == [order]


@pytest.mark.django_db
def test_the_clock_of_one_process_stands_where_it_may_move(movable: None, settings: Any) -> None:
    moment = datetime(2031, 5, 1, 8, 0, tzinfo=UTC)

    reading.stand_at(moment)

    assert [reading.now(), reading.now()] == [moment, moment]
    settings.CLOCK_CAN_MOVE = False
    assert reading.now() < moment, "in production it never stands"
    with pytest.raises(Forbidden):
        reading.stand_at(moment)
