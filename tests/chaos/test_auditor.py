"""The auditor notices: each test spoils one thing in books that balance."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos import plan
from tests.chaos.auditor import differences
from tests.chaos.ledgers import Books, Charge, IntentThere, Ledger, OrderHere, RefundHere, RefundThere

PAID = OrderHere("AAA", "placed", "paid", "GBP", 1000, "pi_1", 1000, 0, mails=1)
PART = OrderHere("BBB", "placed", "partially_refunded", "GBP", 500, "pi_2", 500, 200, mails=1)
LEFT = OrderHere("CCC", "expired", "unpaid", "GBP", 700, "pi_3", 0, 0)
BOOKS = Books((PAID, PART, LEFT), (RefundHere("re_1", "BBB", "GBP", 200, "succeeded"),), (("loose ends", 0),))
LEDGER = Ledger(
    charges=(Charge("ch_1", "AAA", "pi_1", "GBP", 1000), Charge("ch_2", "BBB", "pi_2", "GBP", 500)),
    refunds=(RefundThere("re_1", "pi_2", "GBP", 200),),
    intents=(
        IntentThere("pi_1", "AAA", "succeeded"),
        IntentThere("pi_2", "BBB", "succeeded"),
        IntentThere("pi_3", "CCC", "canceled"),
    ),
)


def here(**changes: Any) -> Books:
    """Return the books with the first order changed."""
    return replace(BOOKS, orders=(replace(PAID, **changes), PART, LEFT))


def test_books_that_balance_have_no_differences() -> None:
    assert differences(LEDGER, BOOKS) == []


def test_a_second_charge_in_an_orders_name_is_noticed() -> None:
    twice = replace(LEDGER, charges=(*LEDGER.charges, Charge("ch_9", "AAA", "pi_9", "GBP", 1)))

    found = differences(twice, BOOKS)

    assert "order AAA was charged 2 times: ch_1, ch_9" in found
    assert "GBP captured: 1501 at Stripe, 1500 here" in found


def test_a_charge_of_nobody_is_noticed() -> None:
    stray = replace(LEDGER, charges=(*LEDGER.charges, Charge("ch_9", "", "pi_9", "EUR", 5)))

    assert "charge ch_9 names order (none), which is not here" in differences(stray, BOOKS)
    assert "EUR captured: 5 at Stripe, 0 here" in differences(stray, BOOKS)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"payment_status": "unpaid", "received": 0}, "order AAA is unpaid, but charge ch_1 succeeded"),
        ({"mails": 0}, "order AAA is paid and 0 confirmations were sent"),
        ({"mails": 2}, "order AAA is paid and 2 confirmations were sent"),
        ({"status": "cancelled"}, "order AAA is cancelled, and 1000 of its money was kept"),
        ({"total": 999}, "order AAA costs 999 and received 1000"),
        ({"intent": "pi_8"}, "order AAA says 1000 by pi_8, Stripe 1000 by pi_1"),
        ({"review": "amounts differ"}, "order AAA waits for a review: amounts differ"),
        ({"refunded": 1}, "order AAA is paid with 1 of 1000 refunded"),
        ({"received": 999}, "GBP captured: 1500 at Stripe, 1499 here"),
        ({"reference": "ZZZ"}, "charge ch_1 names order AAA, which is not here"),
        ({"reference": "ZZZ"}, "order ZZZ is paid, but Stripe has no charge for it"),
    ],
)
def test_a_spoiled_order_is_noticed(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in differences(LEDGER, here(**changes))


@pytest.mark.parametrize(
    ("ledger", "books", "sentence"),
    [
        (LEDGER, replace(BOOKS, refunds=()), "refund re_1 is not here"),
        (replace(LEDGER, refunds=()), BOOKS, "a refund of 200 for order BBB (re_1) is not at Stripe"),
        (LEDGER, replace(BOOKS, stock="FLK 3 2"), "stock: FLK 3 2"),
        (LEDGER, replace(BOOKS, loose_ends=(("attempts left", 2),)), "2 attempts left"),
        (
            replace(LEDGER, intents=(IntentThere("pi_3", "CCC", "requires_payment_method"),)),
            BOOKS,
            "order CCC has ended, but pi_3 can still be paid (requires_payment_method)",
        ),
        (
            replace(LEDGER, intents=(*LEDGER.intents, IntentThere("pi_7", "AAA", "requires_action"))),
            BOOKS,
            "order AAA has 2 intents that are not cancelled",
        ),
    ],
)
def test_what_is_spoiled_elsewhere_is_noticed(ledger: Ledger, books: Books, sentence: str) -> None:
    assert sentence in differences(ledger, books)


def test_a_seed_draws_the_same_plans_again() -> None:
    assert [plan.draw(7, n) for n in range(50)] == [plan.draw(7, n) for n in range(50)]
    assert plan.draw(7, 1) != plan.draw(8, 1)
