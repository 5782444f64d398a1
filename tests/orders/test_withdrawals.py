"""Every statement of withdrawal is kept, timed and acknowledged; which order it means is found afterwards."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders import links, shipments, tasks
from orders.models import Order, Return, StripeRefund, Subscription, Withdrawal
from orders.returns import withdrawals
from orders.returns.withdrawals import Statement
from orders.subscriptions import fencing
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from shop.mail.suppression import LEGALLY_REQUIRED
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import make_customer, make_subscription
from tests.factories.parcels import make_allocated_order, pack, send
from tests.till import Till

pytestmark = pytest.mark.django_db

TYPED = {
    "name": "Ada Byron", "email": "ada@shop.example", "order_given": "K7MPW20ABC",
    "statement": "I withdraw.\nAda",
}  # fmt: skip


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of tasks that a worker was woken for."""
    seen: list[str] = []
    monkeypatch.setattr(tasks, "wake", lambda task, *args: seen.append(task.name))
    return seen


def key_of(page: Any) -> str:
    found = re.search(r'name="form_key" value="([0-9a-f]{32})"', page.content.decode())
    assert found
    return found.group(1)


def declare(client: Client, **typed: str) -> Any:
    """Fill the form, look it over and confirm; return the last page."""
    given = {**TYPED, **typed}
    review = client.post("/withdraw", {**given, "review": "1"})
    return client.post("/withdraw", {**given, "form_key": key_of(review), "confirm": "1"}, follow=True)


def statement(order: Order, **fields: str) -> Statement:
    given = {"name": "Ada", "email": order.email, "order_given": order.reference, "text": "I withdraw."}
    return Statement(**{**given, **fields})


def received(order: Order, **fields: str) -> Withdrawal:
    return withdrawals.receive(statement(order, **fields), source="page", at=AT)


def test_two_steps_without_login_and_a_receipt_with_words_and_time(woken: list[str]) -> None:
    client = Client()
    form = client.get("/withdraw")
    review = client.post("/withdraw", {**TYPED, "review": "1"})
    assert not Withdrawal.objects.exists(), "looking it over declares nothing"

    page = client.post(
        "/withdraw", {**TYPED, "form_key": key_of(review), "confirm": "1"}, follow=True
    ).content.decode()

    row = Withdrawal.objects.get()
    assert "Withdraw from contract here" in form.content.decode()
    assert "Confirm withdrawal" in review.content.decode()
    assert (row.name, row.email, row.order_given, row.statement.splitlines()) == (
        "Ada Byron", "ada@shop.example", "K7MPW20ABC", ["I withdraw.", "Ada"],
    )  # fmt: skip
    assert row.reference in page
    mail = OutboxMessage.objects.get()
    assert (mail.kind, mail.to) == ("withdrawal_receipt", "ada@shop.example")
    assert all(part in mail.text for part in ("I withdraw.", row.reference, "K7MPW20ABC", "GMT"))
    assert woken == ["orders.match_withdrawals"]
    assert mail.kind in LEGALLY_REQUIRED


def test_a_form_sent_twice_is_one_statement() -> None:
    client = Client()
    review = client.post("/withdraw", {**TYPED, "review": "1"})
    typed = {**TYPED, "form_key": key_of(review), "confirm": "1"}

    first, second = (client.post("/withdraw", typed, follow=True) for _ in range(2))

    row = Withdrawal.objects.get()
    assert row.reference in first.content.decode()
    assert row.reference in second.content.decode()
    assert OutboxMessage.objects.count() == 1


def test_a_stranger_learns_nothing_from_the_answer() -> None:
    order = make_allocated_order()
    client = Client()

    hit = declare(client, order_given=order.reference, email=order.email)
    miss = declare(client, order_given="NOSUCH0000", email="ada@shop.example")
    other = declare(client, order_given=order.reference, email="stranger@shop.example")

    def bare(page: Any) -> str:
        text = page.content.decode()
        for row in Withdrawal.objects.all():
            text = text.replace(row.reference, "W").replace(row.email, "E")
        return re.sub(r"csrf\S+|\d\d:\d\d", "", text)

    assert bare(hit) == bare(miss) == bare(other)
    assert [row.status for row in Withdrawal.objects.all()] == ["received"] * 3
    assert set(OutboxMessage.objects.values_list("kind", flat=True)) == {"withdrawal_receipt"}
    subjects = {re.sub(r"W-\w+", "W", row.subject) for row in OutboxMessage.objects.all()}
    assert len(subjects) == 1


@pytest.mark.parametrize("typed", ["{0}", " #{0} ", "order-less {0}"[11:], "lower", "misread"])
def test_a_statement_finds_its_order_however_the_number_is_typed(typed: str) -> None:
    order = make_allocated_order(reference="K7MPW20A1C")
    given = {"lower": "k7mpw20a1c", "misread": "K7MPW2OAlC"}.get(typed, typed.format(order.reference))
    received(order, order_given=given, email=order.email.upper())

    assert withdrawals.match_waiting(at=AT) == 1

    row = Withdrawal.objects.get()
    assert (row.order, row.status, row.matched_by) == (order, "matched", None)


def test_the_number_alone_is_no_proof() -> None:
    order = make_allocated_order()
    received(order, email="stranger@shop.example")

    assert withdrawals.match_waiting(at=AT) == 0

    order.refresh_from_db()
    assert (Withdrawal.objects.get().status, order.review_reason) == ("received", "")


@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_a_stranger_whose_address_looks_alike_withdraws_nothing(alike: str) -> None:
    order = make_allocated_order()
    Order.objects.update(email=alike.replace("\u0131", "i").replace("\u017f", "s"))
    row = received(order, email=alike)

    withdrawals.match_waiting(at=AT)

    row.refresh_from_db()
    order.refresh_from_db()
    assert row.order is None
    assert order.review_reason == ""


def test_a_matched_statement_holds_the_parcel_and_ends_the_refills(settings: Any) -> None:
    settings.STAFF_ALERT_EMAILS = ["staff@shop.example"]
    order = make_allocated_order()
    subscription = make_subscription(order, make_customer())
    row = received(order)

    withdrawals.match_waiting(at=AT)
    withdrawals.match_waiting(at=AT)

    order.refresh_from_db()
    subscription.refresh_from_db()
    assert order.review_reason == f"withdrawal {row.reference}"
    assert not order.may_ship
    assert subscription.status == "cancelled"
    assert order.events.filter(kind="withdrawal").count() == 1
    assert OutboxMessage.objects.filter(kind="staff_review").count() == 1
    assert not StripeRefund.objects.exists(), "staff decide about the money"
    with pytest.raises(shipments.MayNotShip):
        pack(order)


def test_a_statement_about_a_refills_parcel_ends_that_refill() -> None:
    first = make_allocated_order()
    subscription = make_subscription(first, make_customer())
    order = make_allocated_order(origin="refill")
    cycle = subscription.cycles.get()
    cycle.refill.order = order
    cycle.refill.save()
    received(order)

    withdrawals.match_waiting(at=AT)

    subscription.refresh_from_db()
    assert subscription.status == "cancelled"


def test_while_a_refill_is_being_charged_the_statement_waits_and_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = make_allocated_order()
    subscription = make_subscription(order, make_customer())
    received(order)
    monkeypatch.setattr(fencing, "in_flight", lambda refill, at: True)
    assert withdrawals.match_waiting(at=AT) == 0
    assert Withdrawal.objects.get().status == "received"
    assert OutboxMessage.objects.filter(kind="withdrawal_receipt").count() == 1
    monkeypatch.undo()

    assert withdrawals.match_waiting(at=AT) == 1

    subscription.refresh_from_db()
    assert subscription.status == "cancelled"


def test_the_holder_withdraws_over_the_api_and_an_unpacked_order_is_cancelled(
    till: Till, woken: list[str]
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 1, {"unit": "week", "count": 4}))
    token = {"Authorization": f"OrderToken {links.order_token(order)}", "Idempotency-Key": "w-1"}

    answer = till.send("POST", f"orders/{order.reference}/withdrawal", {"statement": "No, thanks."}, **token)
    again = till.send("POST", f"orders/{order.reference}/withdrawal", {"statement": "No, thanks."}, **token)

    order.refresh_from_db()
    row = Withdrawal.objects.get()
    assert (answer.status_code, answer.json()["reference"]) == (201, row.reference)
    assert again.json() == answer.json()
    assert (row.status, row.order, row.source) == ("closed", order, "api")
    assert (order.status, StripeRefund.objects.get().amount) == ("cancelled", order.total)
    assert order.review_reason == "", "nobody has to look any more"
    assert Subscription.objects.get().status == "cancelled"
    assert "orders.send_refund" in woken


def test_the_holder_of_a_sent_order_gets_a_receipt_and_staff_the_rest(till: Till) -> None:
    order = make_allocated_order()
    send(order)
    token = {"Authorization": f"OrderToken {links.order_token(order)}"}

    answer = till.send("POST", f"orders/{order.reference}/withdrawal", {}, **token)
    stranger = till.send("POST", f"orders/{order.reference}/withdrawal", {})

    order.refresh_from_db()
    row = Withdrawal.objects.get()
    assert (answer.status_code, stranger.status_code) == (201, 404)
    assert (row.status, row.statement, order.status) == ("matched", withdrawals.USUAL_WORDS, "placed")
    assert order.review_reason == "", "nothing is left to hold"
    assert not StripeRefund.objects.exists()


@pytest.mark.parametrize(
    ("delivered_at", "last"),
    [
        (datetime(2026, 12, 1, 12, 0, tzinfo=UTC), date(2026, 12, 15)),
        # 14 days after 5 December is a Saturday, so the Monday after it.
        (datetime(2026, 12, 5, 12, 0, tzinfo=UTC), date(2026, 12, 21)),
        # Nobody said that it arrived: four days on its way after 23 November, and 14 more.
        (None, date(2026, 12, 11)),
    ],
)
def test_the_last_day_is_counted_from_the_doormat(delivered_at: datetime | None, last: date) -> None:
    order = make_allocated_order()
    shipment = send(order)
    if delivered_at:
        shipments.mark_delivered(shipment, actor=None, at=delivered_at)
    order.refresh_from_db()
    row = received(order)
    withdrawals.match(row, order, actor=None, at=AT)
    row.refresh_from_db()

    assert withdrawals.last_day(order) == last
    assert withdrawals.is_in_time(row) is True
    row.received_at = datetime.combine(last + timedelta(days=1), AT.time(), UTC)
    assert withdrawals.is_in_time(row) is False


def test_before_all_of_it_has_left_every_statement_is_in_time() -> None:
    order = make_allocated_order()
    row = received(order)
    withdrawals.match(row, order, actor=None, at=AT)
    row.refresh_from_db()

    assert withdrawals.last_day(order) is None
    assert withdrawals.is_in_time(row) is True


def test_over_the_limit_the_visitor_is_told_and_nothing_typed_is_lost(settings: Any) -> None:
    settings.LIMITS = {**settings.LIMITS, "withdrawals_per_email": (1, 3600)}
    settings.RATE_LIMIT_SCALE = 1
    client = Client()
    declare(client)

    page = declare(client, statement="Second words.")

    assert page.status_code == 429
    assert "Your statement was NOT received" in page.content.decode()
    assert "Second words." in page.content.decode()
    assert Withdrawal.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"), ("email", ""), ("name", ""), ("name", "a\nb"), ("statement", "a\x07b"),
        ("order_given", "x" * 41), ("statement", "x" * 2001),
    ],
)  # fmt: skip
def test_only_the_shape_of_a_statement_is_looked_at(field: str, value: str) -> None:
    page = Client().post("/withdraw", {**TYPED, field: value, "confirm": "1"})

    assert page.status_code == 200
    assert 'class="error"' in page.content.decode()
    assert not Withdrawal.objects.exists()


def test_a_forged_receipt_shows_nothing() -> None:
    assert Client().get("/withdraw/received/forged").status_code == 404


def test_the_holder_finds_the_form_filled_in() -> None:
    order = make_allocated_order()

    page = Client().get(f"/o/{links.order_token(order)}/withdraw").content.decode()

    assert f'value="{order.reference}"' in page
    assert f'value="{order.email}"' in page


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@shop.example", "pw"))
    return client


def test_staff_match_by_hand_and_open_the_return(desk: Client) -> None:
    order = make_allocated_order()
    send(order)
    row = received(order, email="other@shop.example")

    desk.post(reverse("admin:orders_withdrawal_match_order", args=[row.pk]), {"order": order.reference})
    said = desk.post(
        reverse("admin:orders_withdrawal_open_return", args=[row.pk]),
        {"reason": "Withdrawal", f"line_{order.lines.get().pk}": 2},
        follow=True,
    ).content.decode()

    row.refresh_from_db()
    goods_return = Return.objects.get()
    assert (row.order, row.matched_by.email) == (order, "boss@shop.example")
    assert (goods_return.withdrawal, goods_return.lines.get().quantity) == (row, 2)
    assert goods_return.reference in said
    assert OutboxMessage.objects.filter(kind="return_expected").count() == 1


def test_the_inbox_shows_the_last_day_and_what_is_left_of_it(desk: Client) -> None:
    at = timezone.now()
    order = make_allocated_order(at=at)
    shipments.mark_delivered(send(order, at=at), actor=None, at=at)
    withdrawals.match(received(order), order, actor=None, at=at)

    page = desk.get(reverse("admin:orders_withdrawal_changelist")).content.decode()

    assert "in time" in page
    assert re.search(r"1[4-6] days left", page)


def test_a_statement_is_not_matched_twice() -> None:
    order, other = make_allocated_order(), make_allocated_order()
    row = received(order)
    withdrawals.match(row, order, actor=None, at=AT)

    with pytest.raises(withdrawals.AlreadyMatched):
        withdrawals.match(row, other, actor=None, at=AT)

    other.refresh_from_db()
    assert other.review_reason == ""
