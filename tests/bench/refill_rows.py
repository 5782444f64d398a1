"""A shop with many refills, written by the server itself: what `tests.bench.refills` plans and claims.

Every customer began with an order, has a card, and one subscription; every tenth has two, on the same day, in
one parcel. Seven in a hundred subscriptions rest, some since long ago, one in a hundred has no card, three are
cancelled. Everyone has had a refill before. One in two hundred wants something added once. Of every `total ÷
due` customers one is due; the others' days lie behind the window of their reminders.
"""

from datetime import datetime, timedelta

from django.db import connection

from catalog.models import Variant
from orders import sample_data
from orders.models import (
    BillingCycle,
    Customer,
    PaymentAttempt,
    PriceRise,
    Refill,
    RefillExtra,
    RefillItem,
    SavedCard,
)
from shop.mail.models import OutboxMessage
from tests.bench import copies
from tests.factories.catalog import AT, make_oil, make_variant
from tests.factories.orders import make_paid_order, make_subscription

TABLES = (
    "orders_customer",
    "orders_saved_card",
    "orders_order",
    "orders_order_line",
    "orders_payment",
    "orders_payment_attempt",
    "orders_subscription",
    "orders_billing_cycle",
    "orders_refill",
    "orders_refill_item",
    "orders_refill_extra",
    "orders_price_rise",
    "mail_outbox",
)
VARIANTS = 28
# Ids of the rows written here begin behind those of the examples.
BASE = 10_000
# The moment of the run.
NOW = AT
_BATCH = 100_000
_PLACES = (
    ("'GB'", "''", "'LS' || 1 + n % 28 || ' ' || n % 10 || 'AB'"),
    ("'DE'", "''", "lpad((n % 90000 + 10000)::text, 5, '0')"),
    ("'US'", "'CA'", "lpad((n % 9000 + 90000)::text, 5, '0')"),
)
# Two weeks get the short reminder.
_UNIT = "CASE WHEN v / 10 % 20 < 4 THEN 'month' ELSE 'week' END"
_COUNT = "CASE WHEN v / 10 % 20 < 4 THEN 1 WHEN v / 10 % 20 < 7 THEN 2 WHEN v / 10 % 20 < 8 THEN 9 ELSE 4 END"
_IS_SHORT = "v / 10 % 20 BETWEEN 4 AND 6"
_IS_CANCELLED = "p % 100 < 3"
_IS_PAUSED = "p % 100 BETWEEN 3 AND 9"
_HAS_NO_CARD = "p % 100 = 10"
_RESTS = f"({_IS_CANCELLED} OR {_IS_PAUSED} OR {_HAS_NO_CARD})"


def seed(total: int, due: int) -> dict[str, int]:
    """Write `total` subscriptions, `due` of them to be planned now; return how many rows each table has then."""
    sample_data.load(at=NOW)
    _make_variants()
    examples = _examples()
    people = total * 10 // 11
    with copies.indexes_built_afterwards(TABLES):
        for low in range(1, people + 1, _BATCH):
            _write(examples, _people(low, min(low + _BATCH - 1, people), total // due))
        _move_sequences()
    if not connection.in_atomic_block:
        copies.tidy_up(TABLES)
    return copies.counts(TABLES)


def parcels_due() -> int:
    """Return how many refills planning has to make: one for each customer who is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT s.customer_id) FROM orders_billing_cycle c "
            "JOIN orders_subscription s ON s.id = c.subscription_id "
            "WHERE c.status = 'open' AND c.refill_id IS NULL AND s.status = 'active' AND s.card_id IS NOT NULL "
            "AND c.due_at <= CASE WHEN s.interval_unit = 'week' AND s.interval_count <= 2 THEN %s ELSE %s END",
            [NOW + timedelta(days=2), NOW + timedelta(days=5)],
        )
        return cursor.fetchone()[0]


def send_reminders(at: datetime) -> None:
    """Let all mails that wait have gone out at a moment, as delivery leaves them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mail_outbox SET status = 'sent', sent_at = %s, attempts = 1, template = '', context = '{}' "
            "WHERE status = 'pending'",
            [at],
        )
    copies.tidy_up(["mail_outbox", "orders_refill"])


def _make_variants() -> None:
    for number in range(VARIANTS):
        make = make_oil if number % 3 == 2 else make_variant
        make(stock=10_000_000, prices={"GBP": 1250 + 50 * number, "EUR": 1500 + 50 * number, "USD": 1700})


def _examples() -> dict[str, object]:
    """Return one row of each kind, as the verbs leave it."""
    order = make_paid_order(is_test=False, units=1)
    customer = Customer.objects.create(email="example@buyer.example", name="Ada Byron", created_at=AT)
    SavedCard.objects.create(
        customer=customer, stripe_payment_method_id="pm_example", brand="visa", last4="4242", exp_month=12,
        exp_year=2034, created_at=AT,
    )  # fmt: skip
    subscription = make_subscription(order, customer, terms_told_at=AT)
    notice = OutboxMessage.objects.create(
        kind="refill_upcoming", subject_key="refill:example", to=customer.email, subject="Your refill",
        message_id="<example@shop.example>", status="sent", sent_at=AT, next_attempt_at=AT, created_at=AT,
    )  # fmt: skip
    BillingCycle.objects.update(refill=None, due_at=NOW + timedelta(days=90))
    extra = RefillExtra.objects.create(
        subscription=subscription, variant=subscription.variant, quantity=1, unit_price=1250, added_at=AT
    )
    rise = PriceRise.objects.create(
        subscription=subscription, old_price=1125, new_price=1175, applies_at=NOW + timedelta(days=20),
        notice=notice, decided_at=AT,
    )  # fmt: skip
    return {
        "customer": customer, "card": customer.cards.get(), "order": order, "line": order.lines.get(),
        "payment": order.payment, "attempt": PaymentAttempt.objects.get(), "subscription": subscription,
        "cycle": BillingCycle.objects.get(), "refill": Refill.objects.get(), "item": RefillItem.objects.get(),
        "extra": extra, "rise": rise, "notice": notice,
    }  # fmt: skip


def _people(low: int, high: int, every: int) -> str:
    """Return SQL for the numbers of a batch, each with a country, an address and a day."""
    place = f"CASE WHEN n / {every} % 10 < 7 THEN 0 WHEN n / {every} % 10 < 9 THEN 1 ELSE 2 END"
    country, region, code = (
        f"CASE place WHEN 0 THEN {gb} WHEN 1 THEN {de} ELSE {us} END"
        for gb, de, us in zip(*_PLACES, strict=True)
    )
    address = (
        "jsonb_build_object('name', 'Ada Byron ' || n, 'company', '', 'line1', n % 180 || ' Millpond Lane', "
        f"'line2', '', 'city', 'Leeds', 'region', {region}, 'country', {country}, 'phone', '', "
        f"'postal_code', {code})"
    )
    zone = "(ARRAY['Europe/London', 'Europe/Berlin', 'America/Los_Angeles'])[place + 1]"
    currency = "(ARRAY['GBP', 'EUR', 'USD'])[place + 1]"
    # Due ones within their window; the others behind it, up to a month.
    days = (
        f"CASE WHEN is_due THEN CASE WHEN {_IS_SHORT} THEN 1 ELSE 4 END "
        f"ELSE CASE WHEN {_IS_SHORT} THEN 3 + v % 12 ELSE 6 + v % 30 END END"
    )
    due = f"date_trunc('day', timestamptz '{NOW.isoformat()}') + {days} * interval '1 day'"
    numbered = (
        f"SELECT n, n / {every} AS v, {place} AS place, n % {every} = 0 AS is_due "
        f"FROM generate_series({low}, {high}) AS n"
    )
    return (
        f"(SELECT n, v, {BASE} + n AS id, {address} AS address, {country} AS country, {zone} AS zone, "
        f"{currency} AS currency, {due} + interval '8 hours' + n % 120 * interval '1 minute' AS due, is_due "
        f"FROM ({numbered}) AS numbered OFFSET 0) AS o"
    )


def _write(examples: dict, people: str) -> None:
    """Write everything of a batch of people. `p` numbers a person's subscriptions: some have two."""
    then = f"timestamptz '{NOW.isoformat()}' - interval '28 days' - n % 90 * interval '1 hour'"
    # A resting subscription must not take its person out of those who are due.
    rests = "CASE WHEN is_due THEN 50 ELSE (v / 3 + k * 50) % 100 END"
    items = (
        f"(SELECT o.*, k, {rests} AS p, o.id * 2 + k AS item FROM {people} "
        "CROSS JOIN generate_series(0, CASE WHEN v % 10 = 0 THEN 1 ELSE 0 END) AS k) AS o"
    )
    copies.copy(examples["customer"], {
        "id": "o.id", "email": "'ada' || n || '@buyer' || n % 31 || '.example'", "timezone": "zone",
        "stripe_customer_id": "'cus_' || md5(n::text)", "created_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["card"], {
        "id": "o.id", "customer_id": "o.id", "stripe_payment_method_id": "'pm_' || md5(n::text)",
        "exp_year": "2028 + n % 6", "exp_month": "1 + n % 12", "created_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["order"], {
        "id": "o.id", "reference": "upper(substr(md5('order' || n), 1, 10))", "customer_id": "o.id",
        "email": "'ada' || n || '@buyer' || n % 31 || '.example'", "country": "o.country",
        "currency": "o.currency", "shipping_address": "address", "billing_address": "address",
        "placed_at": then, "paid_at": then, "fulfilment_status": "'fulfilled'",
        "origin": "CASE WHEN n % 2 = 0 THEN 'refill' ELSE 'checkout' END",
    }, people)  # fmt: skip
    copies.copy(examples["payment"], {
        "id": "o.id", "order_id": "o.id", "stripe_payment_intent_id": "'pi_' || md5(n::text)",
        "currency": "o.currency", "created_at": then, "succeeded_at": then, "checked_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["attempt"], {
        "id": "o.id", "payment_id": "o.id", "idempotency_key": "md5('attempt' || n)", "kind": "'confirm'",
        "started_at": then, "finished_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["line"], {"id": "item", "order_id": "o.id", "position": "1 + k"}, items)
    copies.copy(examples["subscription"], {
        "id": "item", "reference": "'S-' || lpad(upper(to_hex(item)), 12, '0')", "customer_id": "o.id",
        "started_by_id": "item", "variant_id": _variant(), "quantity": "1 + n % 2", "interval_unit": _UNIT,
        "interval_count": _COUNT, "anchor_on": f"({then})::date", "timezone": "zone", "currency": "o.currency",
        "card_id": f"CASE WHEN {_HAS_NO_CARD} THEN NULL ELSE o.id END", "shipping_address": "address",
        "status": f"CASE WHEN {_IS_CANCELLED} THEN 'cancelled' WHEN {_IS_PAUSED} THEN 'paused' ELSE 'active' END",
        "created_at": then, "last_paid_at": then, "terms_told_at": then,
        "paused_until": f"CASE WHEN {_IS_PAUSED} AND n % 3 = 0 THEN due::date + 40 END",
        "cancelled_at": f"CASE WHEN {_IS_CANCELLED} THEN {then} END",
    }, items)  # fmt: skip
    _write_schedule(examples, items, then)
    _write_past(examples, people, items, then)


def _variant() -> str:
    ids = ", ".join(str(pk) for pk in Variant.objects.order_by("pk").values_list("pk", flat=True))
    return f"(ARRAY[{ids}])[1 + (v / 3 + k) % {VARIANTS}]"


def _write_schedule(examples: dict, items: str, then: str) -> None:
    """Write a paid cycle and the open one of each subscription; what rests lies far behind."""
    copies.copy(examples["cycle"], {
        "id": "item * 2", "subscription_id": "item", "index": "1", "status": "'paid'", "refill_id": "o.id",
        "due_on": f"({then})::date", "due_at": then, "closed_at": then, "reminder": "NULL",
    }, items)  # fmt: skip
    is_open = f"{items} JOIN (VALUES (1)) AS one ON NOT ({_IS_CANCELLED})"
    late = f"CASE WHEN {_RESTS} THEN interval '50 days' ELSE interval '0' END"
    copies.copy(examples["cycle"], {
        "id": "item * 2 + 1", "subscription_id": "item", "index": "2", "status": "'open'", "refill_id": "NULL",
        "due_on": f"(due - {late})::date", "due_at": f"due - {late}",
        "reminder": f"CASE WHEN {_RESTS} THEN NULL WHEN {_IS_SHORT} THEN 'short' ELSE 'long' END",
    }, is_open)  # fmt: skip
    copies.copy(examples["extra"], {
        "id": "item", "reference": "'X-' || lpad(upper(to_hex(item)), 12, '0')", "subscription_id": "item",
        "variant_id": _variant(),
    }, f"{items} JOIN (VALUES (1)) AS one ON v % 200 = 7 AND k = 0 AND NOT {_RESTS}")  # fmt: skip
    copies.copy(examples["rise"], {
        "id": "item", "subscription_id": "item", "notice_id": "o.id",
        "status": "CASE WHEN n % 4 = 0 THEN 'announced' ELSE 'applied' END",
    }, f"{items} JOIN (VALUES (1)) AS one ON v % 50 = 1 AND k = 0")  # fmt: skip


def _write_past(examples: dict, people: str, items: str, then: str) -> None:
    """Write the refill that each customer has had, with its reminder, whose words retention has taken."""
    copies.copy(examples["notice"], {
        "id": "o.id", "subject_key": "'refill:R-' || lpad(upper(to_hex(n)), 12, '0')", "occasion": "'notice-1'",
        "to": "'ada' || n || '@buyer' || n % 31 || '.example'", "message_id": "'<' || md5(n::text) || '@shop>'",
        "created_at": then, "sent_at": then, "next_attempt_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["refill"], {
        "id": "o.id", "reference": "'R-' || lpad(upper(to_hex(n)), 12, '0')", "customer_id": "o.id",
        "card_id": "o.id", "currency": "o.currency", "shipping_address": "address", "status": "'paid'",
        "due_at": then, "next_attempt_at": "NULL", "notice_id": "o.id", "order_id": "o.id", "paid_at": then,
        "created_at": then, "quoted_at": then,
    }, people)  # fmt: skip
    copies.copy(examples["item"], {
        "id": "item", "refill_id": "o.id", "cycle_id": "item * 2", "subscription_id": "item",
        "variant_id": _variant(),
    }, items)  # fmt: skip


def _move_sequences() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            )


def doubles(due: int) -> dict[str, tuple[int, int]]:
    """Return what is there after planning and claiming, each beside what should be."""
    asked = {
        "refills claimed, by their rows": (
            "SELECT count(*) FROM orders_refill WHERE status = 'claimed'",
            due,
        ),
        "reminders": (f"SELECT count(*) FROM mail_outbox WHERE created_at = '{NOW.isoformat()}'", due + 1),
        "cycles that are due and in no refill": (
            "SELECT count(*) FROM orders_billing_cycle c JOIN orders_subscription s ON s.id = c.subscription_id "
            f"WHERE c.status = 'open' AND c.refill_id IS NULL AND s.status = 'active' AND s.card_id IS NOT NULL "
            f"AND c.due_at <= '{(NOW + timedelta(days=2)).isoformat()}'",
            0,
        ),
        "items of more than their refill's customer": (
            "SELECT count(*) FROM orders_refill_item i JOIN orders_refill r ON r.id = i.refill_id "
            "JOIN orders_billing_cycle c ON c.id = i.cycle_id JOIN orders_subscription s "
            "ON s.id = c.subscription_id WHERE s.customer_id <> r.customer_id AND r.status = 'claimed'",
            0,
        ),
        "refills without a notice or a total": (
            "SELECT count(*) FROM orders_refill WHERE status = 'claimed' "
            "AND (notice_id IS NULL OR quoted_total IS NULL)",
            0,
        ),
    }
    found = {}
    with connection.cursor() as cursor:
        for what, (statement, should_be) in asked.items():
            cursor.execute(statement)
            found[what] = (cursor.fetchone()[0], should_be)
    return found
