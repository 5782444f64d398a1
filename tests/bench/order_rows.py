"""A shop with many orders, written by the server itself: what `tests.bench.orders` searches.

The shape of a few years: most orders are old, paid and delivered; the newest wait to be packed; a few were
never paid, came back, are disputed or want a look. Names, towns and postcodes are made up from lists, so that
a common surname is as common as in life.
"""

from collections.abc import Sequence

from orders.models import Order, Shipment
from tests.bench import copies
from tests.factories.catalog import AT
from tests.factories.orders import HOME, make_paid_order

FIRST = [
    "Ada",
    "Grace",
    "Mary",
    "Olivia",
    "Amelia",
    "Isla",
    "Ava",
    "Ivy",
    "Freya",
    "Lily",
    "Florence",
    "Mia",
    "Willow",
    "Rosie",
    "Sophia",
    "Isabella",
    "Daisy",
    "Noah",
    "Oliver",
    "George",
    "Arthur",
    "Muhammad",
    "Leo",
    "Harry",
    "Oscar",
    "Archie",
    "Henry",
    "Theodore",
    "Freddie",
    "Jack",
    "Charlie",
    "Theo",
    "Zoë",
    "Łukasz",
    "Anaïs",
    "Jürgen",
    "Siobhán",
    "Niamh",
    "Björn",
    "Chloé",
    "Nuria",
    "Marek",
    "Giulia",
    "Anton",
    "Lena",
    "Emil",
    "Clara",
    "Hugo",
    "Elsa",
]
LAST = [
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "Williams",
    "Wilson",
    "Johnson",
    "Davies",
    "Patel",
    "Robinson",
    "Wright",
    "Thompson",
    "Evans",
    "Walker",
    "White",
    "Roberts",
    "Green",
    "Hall",
    "Thomas",
    "Clarke",
    "Jackson",
    "Wood",
    "Harris",
    "Edwards",
    "Turner",
    "Martin",
    "Cooper",
    "Hill",
    "Ward",
    "Hughes",
    "Moore",
    "Clark",
    "King",
    "Harrison",
    "Lewis",
    "Baker",
    "Lee",
    "Allen",
    "Morris",
    "Khan",
    "Scott",
    "Watson",
    "Davis",
    "Parker",
    "James",
    "Bennett",
    "Young",
    "Phillips",
    "Richardson",
    "Mitchell",
    "Bailey",
    "Carter",
    "Cook",
    "Singh",
    "Shaw",
    "Bell",
    "Collins",
    "Morgan",
    "Kelly",
    "Begum",
    "Miller",
    "Cox",
    "Hussain",
    "Marshall",
    "Simpson",
    "Price",
    "Anderson",
    "Adams",
    "Wilkinson",
    "Foster",
    "Ellis",
    "Murphy",
    "Chapman",
    "Mason",
    "Gray",
    "Richards",
    "Webb",
    "Rogers",
    "Hunt",
    "Mills",
    "Holmes",
    "Palmer",
    "Matthews",
    "Gibson",
    "Fletcher",
    "Knight",
    "Lloyd",
    "Butler",
    "Russell",
    "Barnes",
    "Stevens",
    "Jenkins",
    "Fisher",
    "Byron",
    "Hopper",
    "Lovelace",
    "Noether",
    "Curie",
    "Meitner",
    "Franklin",
    "Wójcik",
    "Fernández",
    "Müller",
    "Schäfer",
    "Nowak",
    "Rossi",
    "Bianchi",
    "Dubois",
    "Lefèvre",
    "Janssen",
    "Jensen",
    "Nilsson",
    "Virtanen",
    "Kovács",
]
TOWNS = [
    "Leeds",
    "Bristol",
    "York",
    "Bath",
    "Kendal",
    "Exeter",
    "Norwich",
    "Durham",
    "Oban",
    "Perth",
    "Truro",
    "Wells",
    "Ripon",
    "Ely",
    "Hull",
]
AREAS = [
    "LS",
    "BS",
    "YO",
    "BA",
    "LA",
    "EX",
    "NR",
    "DH",
    "PA",
    "PH",
    "TR",
    "HG",
    "CB",
    "HU",
    "SW",
    "SE",
    "NW",
    "M",
    "B",
    "G",
    "EH",
    "CF",
]
SKUS = [
    "FLK-ORI-1000",
    "FLK-ORI-2500",
    "FLK-ORI-5000",
    "FLK-FOT-1000",
    "OIL-STR-0100",
    "OIL-STR-0500",
    "OIL-SEN-0100",
]
RARE_SKU = "ACC-SCP-0001"

# How the newest orders differ from the old ones, by their number in a run.
TO_PACK, BEING_PAID = 1500, 200
BATCH = 100_000
TABLES = ("orders_order", "orders_order_line", "orders_payment", "orders_shipment")


def seed(total: int) -> dict[str, int]:
    """Write orders with their lines, payments and parcels; return how many rows each table has then."""
    example = make_paid_order(is_test=False)
    line, payment = example.lines.get(), example.payment
    parcel = Shipment.objects.create(
        order=example, address=HOME, weight_g=1045, carrier="Royal Mail", status="delivered", packed_at=AT,
        dispatched_at=AT,
    )  # fmt: skip
    with copies.indexes_built_afterwards(TABLES):
        last = example.pk
        for low in range(1, total + 1, BATCH):
            high = min(low + BATCH - 1, total)
            copies.copy(example, _orders(total), _people(low, high, total))
            copies.copy(
                line, _LINE, _written(last, "CROSS JOIN generate_series(1, 1 + (o.id % 2)::int) AS p")
            )
            copies.copy(payment, _PAYMENT, _written(last, ""))
            copies.copy(parcel, _PARCEL, _written(last, "", "o.fulfilment_status = 'fulfilled'"))
            last = Order.objects.order_by("-pk").values_list("pk", flat=True)[0]
    copies.tidy_up(TABLES)
    return copies.counts(TABLES)


def _picked(words: Sequence[str]) -> str:
    """Return SQL for a word of a list at random, the first ones more often than the last."""
    listed = ", ".join(f"'{word}'" for word in words)
    return f"(ARRAY[{listed}])[1 + floor(pow(random(), 1.6) * {len(words)})::int]"


def _people(low: int, high: int, total: int) -> str:
    """Return SQL for the numbers of a batch, each with a name, a time and a place."""
    names = f"SELECT n, {_picked(FIRST)} AS first, {_picked(LAST)} AS last FROM generate_series({low}, {high}) AS n"
    code = f"{_picked(AREAS)} || 1 + n % 28 || ' ' || n % 10 || chr(65 + (n / 10 % 8)::int) || chr(65 + (n % 5)::int)"
    address = (
        "jsonb_build_object('name', first || ' ' || last, 'company', '', 'line1', 1 + n % 180 || ' Millpond Lane', "
        f"'line2', '', 'city', {_picked(TOWNS)}, 'region', '', 'country', 'GB', 'phone', '', 'postal_code', {code})"
    )
    at = f"timestamptz '2026-11-23 10:00Z' - ({total} - n) * interval '95 seconds'"
    return f"(SELECT n, first, last, {at} AS at, {address} AS address FROM ({names}) AS named OFFSET 0) AS o"


def _written(after: int, more: str, condition: str = "true") -> str:
    return (
        f"(SELECT * FROM orders_order WHERE id > {after}) AS o {more} JOIN (VALUES (1)) AS one ON {condition}"
    )


def _orders(total: int) -> dict[str, str]:
    never = f"n % 50 = 0 OR (n > {total - BEING_PAID} AND n % 4 = 0)"
    return {
        "reference": "upper(substr(md5('order' || n), 1, 10))",
        "origin": "CASE WHEN n % 3 = 0 THEN 'refill' ELSE 'checkout' END",
        "email": "translate(lower(first || '.' || last), 'ąáäçèéëíöøñóüščłŁ', 'aaaceeeiooonousclL') "
        "|| n % 9973 || '@buyer' || n % 31 || '.example'",
        "status": f"CASE WHEN n % 50 = 0 THEN 'expired' WHEN {never} THEN 'pending' "
        "WHEN n % 97 = 0 THEN 'cancelled' ELSE 'placed' END",
        "payment_status": f"CASE WHEN {never} THEN 'unpaid' WHEN n % 97 = 0 THEN 'refunded' "
        "WHEN n % 83 = 0 THEN 'partially_refunded' ELSE 'paid' END",
        "fulfilment_status": f"CASE WHEN {never} OR n % 97 = 0 OR n > {total - TO_PACK} THEN 'unfulfilled' "
        "ELSE 'fulfilled' END",
        "is_disputed": "n % 7919 = 0",
        "review_reason": "CASE WHEN n % 9967 = 0 THEN 'the amounts differ' ELSE '' END",
        "shipping_address": "address",
        "billing_address": "address",
        "placed_at": "at",
        "paid_at": f"CASE WHEN {never} THEN NULL ELSE at END",
    }


_LINE = {
    "order_id": "o.id",
    "position": "p",
    "sku": f"CASE WHEN o.id % 9973 = 0 THEN '{RARE_SKU}' ELSE {_picked(SKUS)} END",
}
_PAYMENT = {
    "order_id": "o.id",
    "stripe_payment_intent_id": "'pi_' || md5(o.id::text)",
    "created_at": "o.placed_at",
    "succeeded_at": "o.paid_at",
}
_PARCEL = {
    "order_id": "o.id",
    "reference": "'S-' || lpad(upper(to_hex(o.id)), 8, '0')",
    "tracking_number": "'QX' || lpad(o.id::text, 9, '0') || 'GB'",
    "address": "o.shipping_address",
    "packed_at": "o.paid_at",
    "dispatched_at": "o.paid_at",
}
