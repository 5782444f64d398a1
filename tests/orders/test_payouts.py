"""Payouts: what reached the bank, order by order, and the file for the bookkeeper."""

import csv
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders import payouts, reconciler, refunds
from orders.models import Order, Payout, PayoutLine
from shop.sheets import safe
from tests.factories.catalog import make_variant
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stripe_side(stripe_side: StripeSide) -> StripeSide:
    requests.post(f"{stripe_side.url}/_test/reset", timeout=10)
    return stripe_side


@pytest.fixture
def shop(till: Till) -> Till:
    make_variant(sku="FLK", stock=20, prices={"GBP": 1195})
    return till


def pay_out(stripe: StripeSide, outcome: str = "paid") -> dict[str, Any]:
    return requests.post(f"{stripe.url}/_test/payout", json={"outcome": outcome}, timeout=10).json()


def sold_and_refunded(shop: Till) -> Order:
    order = shop.bought(("FLK", 2))
    refund = refunds.request_refund(order, amount=250, reason="torn", actor=None, at=shop.at)
    reconciler.send_refund(refund.pk, at=shop.at)
    return order


def test_a_payout_is_copied_with_the_order_behind_every_movement(shop: Till) -> None:
    order = sold_and_refunded(shop)
    sent = pay_out(shop.stripe)

    for _ in range(2):
        assert payouts.sync(at=timezone.now()) == 1

    payout = Payout.objects.get()
    assert (payout.stripe_payout_id, payout.status, payout.amount) == (sent["id"], "paid", sent["amount"])
    rows = {line.type: (line.amount, line.order) for line in payout.lines.all()}
    assert rows == {"charge": (2985, order), "refund": (-250, order), "payout": (-sent["amount"], None)}
    assert sum(line.net for line in payout.lines.exclude(type="payout")) == payout.amount
    assert payouts.differences() == []


def test_a_payout_whose_lines_do_not_sum_is_listed(shop: Till) -> None:
    sold_and_refunded(shop)
    pay_out(shop.stripe)
    payouts.sync(at=timezone.now())
    PayoutLine.objects.filter(type="refund").delete()

    [row] = payouts.differences()

    assert (row.kind, (row.here or 0) - (row.there or 0)) == ("payout_sum", 250)
    assert payouts.sync(at=timezone.now()) == 1
    assert payouts.differences() == []


def test_a_payout_that_the_bank_sent_back_is_listed_and_its_money_is_in_the_next_one(shop: Till) -> None:
    shop.bought(("FLK", 1))
    failed = pay_out(shop.stripe, "failed")
    again = pay_out(shop.stripe)
    payouts.sync(at=timezone.now())

    [row] = payouts.differences()

    assert (row.kind, row.subject, row.there) == ("payout_failed", failed["id"], failed["amount"])
    assert "The bank account has been closed." in row.explanation
    assert Payout.objects.get(stripe_payout_id=again["id"]).amount == failed["amount"]


def test_an_event_about_a_payout_copies_it(shop: Till) -> None:
    shop.bought(("FLK", 1))
    sent = pay_out(shop.stripe, "in_transit")

    shop.settle()

    assert Payout.objects.get().stripe_payout_id == sent["id"]
    assert Payout.objects.get().status == "in_transit"


def test_money_that_no_order_explains_is_listed(shop: Till) -> None:
    shop.bought(("FLK", 1))
    form = {"amount": "900", "currency": "gbp", "confirm": "true", "payment_method": "pm_card_visa"}
    shop.stripe.ask("/v1/payment_intents", {**form, "return_url": "https://shop.example/"})
    pay_out(shop.stripe)
    payouts.sync(at=timezone.now())

    assert [row.kind for row in payouts.differences()] == ["payout_line_without_order"]


def test_the_file_has_one_row_a_movement_in_major_units_with_its_order_and_tax(shop: Till) -> None:
    order = sold_and_refunded(shop)
    sent = pay_out(shop.stripe)
    payouts.sync(at=timezone.now())
    out = StringIO()

    call_command("export_payout", sent["id"], stdout=out)

    rows = {row["type"]: row for row in csv.DictReader(StringIO(out.getvalue()))}
    charge = rows["charge"]
    assert list(charge) == list(payouts.COLUMNS)
    assert (charge["amount"], charge["currency"], rows["refund"]["amount"]) == ("29.85", "GBP", "-2.50")
    assert (charge["order"], charge["order_country"], charge["order_total"]) == (
        order.reference,
        "GB",
        "29.85",
    )
    assert charge["order_tax_total"] == f"{order.tax_total / 100:.2f}"
    assert charge["order_tax_by_rate"].endswith(f"20% {charge['order_tax_total']}")
    assert rows["payout"]["order"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+44", "-x", "@a", "\t=1", " =1", "|x"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"


def test_a_description_that_is_a_formula_is_disarmed_and_a_negative_amount_stays_a_number(shop: Till) -> None:
    sold_and_refunded(shop)
    sent = pay_out(shop.stripe)
    payouts.sync(at=timezone.now())
    PayoutLine.objects.update(description='=HYPERLINK("http://evil.example")')
    out = StringIO()

    call_command("export_payout", sent["id"], stdout=out)

    rows = list(csv.DictReader(StringIO(out.getvalue())))
    assert {row["description"] for row in rows} == {'\'=HYPERLINK("http://evil.example")'}
    assert "-2.50" in {row["amount"] for row in rows}


def test_a_payout_that_is_not_here_is_refused_in_words() -> None:
    with pytest.raises(CommandError, match="sync_payouts"):
        call_command("export_payout", "po_none")


def test_the_admin_shows_a_payout_with_its_orders_and_streams_the_file(
    shop: Till, admin_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    order = sold_and_refunded(shop)
    shop.bought(("FLK", 1))
    pay_out(shop.stripe)
    payouts.sync(at=timezone.now())
    payout = Payout.objects.get()

    with django_assert_max_num_queries(12):
        page = admin_client.get(reverse("admin:orders_payout_change", args=[payout.pk])).content.decode()
    with django_assert_max_num_queries(12):
        answer = admin_client.get(reverse("admin:orders_payout_download_csv", args=[payout.pk]))
        body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    assert reverse("admin:orders_order_change", args=[order.pk]) in page
    assert answer.streaming
    assert f"{payout.stripe_payout_id}.csv" in answer["Content-Disposition"]
    assert len(body.splitlines()) == 1 + payout.lines.count()
    assert Client().get(reverse("admin:orders_payout_download_csv", args=[payout.pk])).status_code == 302
