"""The auditor of refills notices: each test spoils one thing in books that are right."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.refills import plan
from tests.chaos.refills.auditor import Person, arrived_again, mails_differ, people_differ

ADA = Person("pay-1@refill.example", "active", "R-1", "paid", 1470, "AAA", 1470, 1, 1, 1)
BOB = Person("decline-1@refill.example", "active", "R-2", "dunning", 1470, "BBB", 1470, 1, 0, 1)
CHARGES = [
    {"status": "succeeded", "amount_captured": 1470, "metadata": {"order_id": "AAA"}},
    {"status": "failed", "amount_captured": 0, "metadata": {"order_id": "BBB"}},
]
MAILS = [
    ("order_confirmation", ADA.email, "<1>", "sent"),
    ("refill_upcoming", ADA.email, "<2>", "sent"),
    ("refill_paid", ADA.email, "<3>", "sent"),
]
TAKEN = Counter({("<1>", ADA.email): 1, ("<2>", ADA.email): 1, ("<3>", ADA.email): 2})


def people(charges: list[dict[str, Any]] = CHARGES, **of_ada: Any) -> list[str]:
    return list(people_differ([replace(ADA, **of_ada), BOB], charges, refills=1, others=1))


def mails(rows: list[tuple[str, ...]] = MAILS, taken: Counter[tuple[str, str]] = TAKEN) -> list[str]:
    return list(mails_differ([ADA], rows, taken))


def test_books_that_are_right_have_no_differences() -> None:
    assert people() == []
    assert mails() == []
    assert arrived_again(TAKEN) == 1


@pytest.mark.parametrize(
    ("charges", "of_ada", "sentence"),
    [
        ([CHARGES[0], *CHARGES], {}, "pay-1@refill.example (AAA) was charged [1470, 1470], not 1470 once"),
        ([CHARGES[1]], {}, "pay-1@refill.example (AAA) was charged [], not 1470 once"),
        (CHARGES, {"quoted": 1469}, "pay-1@refill.example (AAA) was charged [1470], not 1469 once"),
        (CHARGES, {"refills": 2}, "pay-1@refill.example has 2 refills"),
        (CHARGES, {"status": "charging"}, "0 of 1 refills were paid"),
        (CHARGES, {"open_cycles": 2}, "pay-1@refill.example: ('active', 'paid', 2, 1), not ('active', 'paid', 1, 1)"),
        ([*CHARGES, CHARGES[1]], {}, "the card of decline-1@refill.example (BBB) was declined 2 times"),
        (
            [*CHARGES, {**CHARGES[0], "metadata": {"order_id": "BBB"}}],
            {},
            "decline-1@refill.example (BBB) was charged [1470], and must not have been",
        ),
    ],
)  # fmt: skip
def test_a_wrong_charge_is_noticed(
    charges: list[dict[str, Any]], of_ada: dict[str, Any], sentence: str
) -> None:
    assert sentence in people(charges, **of_ada)


def test_a_mail_that_was_never_sent_or_never_arrived_is_noticed() -> None:
    waiting = [*MAILS[:2], (*MAILS[2][:3], "pending")]

    assert f"a mail to {ADA.email} is pending" in mails(waiting)
    assert f"a mail to {ADA.email} is marked as sent and never arrived" in mails(taken=Counter())


def test_a_mail_of_nobody_and_a_mail_too_many_are_noticed() -> None:
    told = [*MAILS, ("refill_declined", ADA.email, "<4>", "sent")]
    taken = TAKEN + Counter({("<4>", ADA.email): 1, ("<9>", ADA.email): 1})

    found = mails(told, taken)

    assert f"a mail <9> to {ADA.email} arrived that nobody wrote" in found
    assert any(line.startswith(f"{ADA.email} got ['order_confirmation', 'refill_declined'") for line in found)


def test_a_seed_draws_the_same_faults_and_kills_again() -> None:
    drawn = [plan.draw(3, number, refills=50, kills=17) for number in range(6)]

    assert drawn == [plan.draw(3, number, refills=50, kills=17) for number in range(6)]
    assert drawn != [plan.draw(4, number, refills=50, kills=17) for number in range(6)]
    assert not any(blow.kind == "worker" for blow in plan.draw(3, 0, refills=50, kills=99, gently=True).blows)
