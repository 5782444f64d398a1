"""Files that staff bring: what they would change, what they changed, and that a repeat changes nothing."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from catalog import inventory, pricing, sheets
from catalog.models import ImportJob, Lot, Price, Product, StockLevel, StockMovement, Variant
from shop.clock import reading
from tests.catalog.sheet_files import apply, bring, check, csv_of, outcome, xlsx_of
from tests.factories.catalog import CategoryFactory, make_bundle, make_variant

pytestmark = pytest.mark.django_db

LOTS = ["sku", "lot", "quantity", "best_before_on", "released"]
COUNTS = ["sku", "lot", "counted"]
PRICES = ["sku", "currency", "kind", "amount", "starts_at", "ends_at"]
SOON = (datetime.now(UTC) + timedelta(days=3)).date()


@pytest.fixture
def ada():
    return get_user_model().objects.create_user("ada@shop.example", is_staff=True)


def test_a_check_shows_what_would_change_and_writes_nothing():
    make_variant(sku="FLK", reorder_point=5)

    job = check("variants", csv_of(["sku", "reorder_point", "name"], ["FLK", "9", "1 kg pouch"]))

    assert outcome(job) == ("ready", 0, 1, 0, 0)
    assert job.preview == [[2, "FLK", "changed", [["reorder_point", "5", "9"]]]]
    assert Variant.objects.get().reorder_point == 5
    assert job.applied_at is None


def test_variants_are_changed_and_made_and_other_columns_left_alone(ada):
    old = make_variant(sku="FLK", reorder_point=5, lead_time_days=7)
    header = ["sku", "product", "name", "net_content", "net_unit", "gross_weight_g", "reorder_point"]
    rows = [header, ["FLK", "", "Pouch", 1000, "g", 1050, 9]]
    rows += [["FLK-2", old.product.code, "2.5 kg", 2500, "g", 2600, ""]]

    job = bring("variants", *rows, actor=ada)

    assert outcome(job) == ("applied", 1, 1, 0, 0)
    old.refresh_from_db()
    assert (old.name, old.reorder_point, old.lead_time_days, old.gross_weight_g) == ("Pouch", 9, 7, 1050)
    made = Variant.objects.get(sku="FLK-2")
    assert (made.product, made.net_content, made.reorder_point) == (old.product, 2500, 0)
    assert (job.requested_by, job.applied_by) == (ada, ada)


def test_products_are_made_with_a_slug_and_changed():
    CategoryFactory.create(slug="bath-flakes")
    header = ["code", "name", "category", "kind", "published", "fragrance_allergens", "mgcl2_percent"]

    made = bring(
        "products", header, ["NEW", "Sea flakes", "bath-flakes", "flakes", "no", "linalool; citral", 46.8]
    )
    changed = bring("products", ["code", "published", "scent"], ["NEW", "yes", "'=mild"])

    product = Product.objects.get(code="NEW")
    assert (made.rows_new, changed.rows_changed) == (1, 1)
    assert (product.slug, product.is_published, product.scent) == ("sea-flakes", True, "=mild")
    assert product.fragrance_allergens == ["linalool", "citral"]
    assert product.updated_at == changed.applied_at


def test_prices_follow_one_another_as_if_entered_by_hand(ada):
    variant = make_variant(sku="FLK", prices={"GBP": 1250})
    rows = [PRICES, ["FLK", "GBP", "list", "13.50", SOON, ""]]
    rows += [["FLK", "GBP", "list", "14.5", SOON + timedelta(days=2), ""]]
    rows += [["FLK", "USD", "list", "15.95", f"{SOON} 09:00", ""]]

    job = bring("prices", *rows, actor=ada)

    assert outcome(job) == ("applied", 1, 2, 0, 0)
    found = variant.prices.filter(currency="GBP").order_by("starts_at")
    assert [row.amount for row in found] == [1250, 1350, 1450]
    assert [row.ends_at for row in found] == [found[1].starts_at, found[2].starts_at, None]
    assert (found[1].created_by, found[0].ended_by) == (ada, ada)
    begins = datetime(SOON.year, SOON.month, SOON.day, 9, tzinfo=ZoneInfo("Europe/London"))
    assert variant.prices.get(currency="USD").starts_at == begins


def test_a_price_without_a_beginning_begins_when_the_file_is_applied():
    variant = make_variant(sku="FLK", prices={"GBP": 1250})

    job = bring("prices", PRICES[:4], ["FLK", "GBP", "list", "13.50"])

    assert pricing.offer_of(variant, "GBP", job.applied_at).amount == 1350
    assert variant.prices.get(amount=1250).ends_at == job.applied_at


def test_prices_in_two_chunks_follow_one_another_too(monkeypatch):
    monkeypatch.setattr(sheets.jobs, "CHUNK_ROWS", 2)
    variant = make_variant(sku="FLK", prices={"GBP": 1250})
    days = [SOON + timedelta(days=n) for n in range(5)]

    bring("prices", PRICES, *(["FLK", "GBP", "list", f"1{n}.00", day, ""] for n, day in enumerate(days)))

    found = list(variant.prices.order_by("starts_at").values_list("amount", "ends_at"))
    assert [amount for amount, _ in found] == [1250, 1000, 1100, 1200, 1300, 1400]
    assert [ends_at is None for _, ends_at in found] == [False] * 5 + [True]


def test_a_count_books_only_the_differences(ada):
    one, two = make_variant(sku="ONE", stock=10), make_variant(sku="TWO", stock=4)
    scoop = make_variant(sku="SCP", stock=3, is_lot_tracked=False)
    rows = [COUNTS, ["ONE", one.lots.get().code, 8], ["TWO", two.lots.get().code, 4], ["SCP", "", 5]]

    job = bring("counts", *rows, actor=ada)

    assert outcome(job) == ("applied", 0, 2, 1, 0)
    moves = StockMovement.objects.filter(cause=f"import:{job.pk}").order_by("id")
    assert [(m.variant, m.kind, m.quantity, m.actor) for m in moves] == [
        (one, "counted", -2, ada),
        (scoop, "counted", 2, ada),
    ]
    assert StockLevel.objects.get(variant=one).on_hand == 8
    assert inventory.differences() == []


def test_a_count_below_what_is_promised_breaks_the_newest_hold_first():
    variant = make_variant(sku="FLK", stock=10)
    at = reading.now()
    for name in ("older", "newer"):
        until = at + timedelta(hours=1)
        inventory.reserve(reference=name, quantities={variant.pk: 4}, until=until, at=at)

    bring("counts", COUNTS, ["FLK", variant.lots.get().code, 5])

    assert (inventory.is_reserved("older"), inventory.is_reserved("newer")) == (True, False)
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved) == (5, 4)
    assert inventory.differences() == []


def test_lots_arrive_in_quarantine_or_on_sale():
    variant = make_variant(sku="FLK", stock=0)
    rows = [LOTS, ["FLK", "L1", 40, "2029-05-31", "yes"], ["FLK", "L2", 60, "2029-06-30", ""]]

    job = bring("lots", *rows)

    lots = Lot.objects.order_by("code").values_list("code", "status", "physical", "on_hand", "best_before_on")
    assert list(lots) == [
        ("L1", "released", 40, 40, date(2029, 5, 31)),
        ("L2", "quarantine", 60, 0, date(2029, 6, 30)),
    ]
    assert StockLevel.objects.get(variant=variant).on_hand == 40
    assert set(StockMovement.objects.values_list("cause", flat=True)) == {job.cause}
    assert inventory.differences() == []


@pytest.mark.parametrize("kind", ["counts", "lots"])
def test_the_same_file_twice_books_once(kind):
    variant = make_variant(sku="FLK", stock=10)
    row = ["FLK", variant.lots.get().code, 7] if kind == "counts" else ["FLK", "L1", 40, "2029-05-31", "yes"]
    content = csv_of(COUNTS if kind == "counts" else LOTS, row)
    first, waits = check(kind, content), check(kind, content)
    apply(first)
    moves = list(StockMovement.objects.values_list("pk", flat=True))

    waiting = apply(waits)
    again = check(kind, content)

    assert (waiting.status, again.status) == ("refused", "refused")
    assert f"applied as import {first.pk}" in again.errors[0][2]
    assert list(StockMovement.objects.values_list("pk", flat=True)) == moves


@pytest.mark.parametrize("kind", ["products", "variants", "prices"])
def test_the_same_file_twice_changes_nothing_the_second_time(kind):
    make_variant(sku="FLK", product__code="PRD", prices={"GBP": 1250})
    content = {
        "products": csv_of(["code", "scent"], ["PRD", "pine"]),
        "variants": csv_of(["sku", "reorder_point"], ["FLK", "77"]),
        "prices": csv_of(
            PRICES,
            ["FLK", "GBP", "list", "13.50", SOON, ""],
            ["FLK", "GBP", "list", "14.50", SOON + timedelta(days=1), ""],
        ),
    }[kind]
    apply(check(kind, content))

    again = check(kind, content)

    assert again.status == "ready"
    assert again.rows_new + again.rows_changed == 0
    with pytest.raises(sheets.NotReady):
        sheets.approve(again)


def test_a_workbook_is_read_like_a_csv():
    variant = make_variant(sku="FLK", stock=10)
    moment = datetime(SOON.year, SOON.month, SOON.day, 9, 30)

    job = check("prices", xlsx_of(PRICES, ["FLK", "GBP", "list", 13.5, moment, None], [None] * 6))
    lots = check("lots", xlsx_of(LOTS, ["FLK", "L9", 5.0, datetime(2029, 5, 31), True]))

    assert (outcome(job), outcome(lots)) == (("ready", 0, 1, 0, 0), ("ready", 1, 0, 0, 0))
    apply(job)
    begins = moment.replace(tzinfo=ZoneInfo("Europe/London"))
    assert variant.prices.get(amount=1350).starts_at == begins


def test_semicolons_and_a_byte_order_mark_are_understood():
    make_variant(sku="FLK", reorder_point=5)

    job = check("variants", b"\xef\xbb\xbf" + csv_of(["SKU", "reorder_point"], ["FLK", 9], delimiter=";"))

    assert outcome(job) == ("ready", 0, 1, 0, 0)


def test_one_error_keeps_the_whole_file_out(monkeypatch):
    """The check was right then; meanwhile the lot in the last chunk has come by another way."""
    monkeypatch.setattr(sheets.jobs, "CHUNK_ROWS", 1)
    variant = make_variant(sku="FLK", stock=0)
    job = check("lots", csv_of(LOTS, *(["FLK", f"L{n}", 4, "2029-05-31", ""] for n in range(3))))
    facts = {"best_before_on": date(2030, 1, 1), "cause": "by hand", "at": reading.now()}
    inventory.receive_lot(variant=variant, code="L2", quantity=1, **facts)

    done = apply(job)

    assert outcome(done) == ("refused", 2, 0, 0, 1)
    assert done.errors[0][:2] == [4, "lot"]
    assert [lot.code for lot in Lot.objects.all()] == ["L2"]
    assert StockMovement.objects.count() == 1


def test_a_running_import_is_not_taken_twice_and_a_lost_one_is_taken_up():
    make_variant(sku="FLK")
    at = reading.now()
    content = csv_of(["sku", "reorder_point"], ["FLK", 9])
    job = sheets.bring(kind="variants", file_name="a.csv", content=content, at=at)
    ImportJob.objects.filter(pk=job.pk).update(locked_until=at + timedelta(minutes=2), attempts=1)

    assert sheets.run(job.pk, at=at) is None
    assert list(sheets.waiting(at)) == []
    taken_up = sheets.run(job.pk, at=at + timedelta(minutes=3))

    assert (taken_up.status, taken_up.locked_until) == ("ready", None)
    assert sheets.run(job.pk, at=at + timedelta(minutes=9)) is None


def test_an_import_that_never_ends_is_given_up():
    at = reading.now()
    job = sheets.bring(kind="variants", file_name="a.csv", content=b"sku\nFLK", at=at)
    ImportJob.objects.filter(pk=job.pk).update(attempts=3)

    assert sheets.run(job.pk, at=at).status == "failed"


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_rows_are_being_written(monkeypatch):
    monkeypatch.setattr(sheets.jobs, "CHUNK_ROWS", 1)
    make_variant(sku="FLK", stock=0)
    job = check("lots", csv_of(LOTS, *(["FLK", f"L{n}", 4, "2029-05-31", ""] for n in range(3))))
    onlooker, seen = connection.copy(), []
    tell = sheets.jobs._Progress.tell

    def tell_and_look(progress, *args):
        tell(progress, *args)
        with onlooker.cursor() as cursor:
            cursor.execute("SELECT status, rows_done FROM catalog_import_job WHERE id = %s", [job.pk])
            row = cursor.fetchone()
            cursor.execute("SELECT COUNT(*) FROM catalog_lot")
            seen.append((*row, *cursor.fetchone()))

    monkeypatch.setattr(sheets.jobs._Progress, "tell", tell_and_look)
    apply(job)
    onlooker.close()

    assert seen == [("applying", 1, 0), ("applying", 2, 0), ("applying", 3, 0)]
    assert Lot.objects.count() == 3


def test_checking_takes_no_more_queries_for_more_rows(django_assert_max_num_queries):
    make_variant(sku="FLK", stock=0)
    rows = [["FLK", f"L{n}", 4, "2029-05-31", "yes"] for n in range(900)]

    with django_assert_max_num_queries(30):
        job = check("lots", csv_of(LOTS, *rows))
    with django_assert_max_num_queries(40):
        done = apply(job)

    assert outcome(done) == ("applied", 900, 0, 0, 0)
    assert inventory.differences() == []


def test_a_bundle_is_not_counted_and_its_kind_stays():
    bundle = make_bundle([(make_variant(), 1)], sku="SET")

    counted = check("counts", csv_of(COUNTS, ["SET", "", 3]))
    changed = check("products", csv_of(["code", "kind"], [bundle.product.code, "flakes"]))

    assert "is a bundle" in counted.errors[0][2]
    assert "do not become a bundle" in changed.errors[0][2]


def test_history_may_stand_in_a_file_as_it_is_and_not_otherwise():
    variant = make_variant(sku="FLK", prices={"GBP": 1250})
    begun = variant.prices.get().starts_at.isoformat()

    same = check("prices", csv_of(PRICES, ["FLK", "GBP", "list", "12.50", begun, ""]))
    other = check("prices", csv_of(PRICES, ["FLK", "GBP", "list", "11.00", begun, ""]))

    assert outcome(same) == ("ready", 0, 0, 1, 0)
    assert "has begun and is not changed" in other.errors[0][2]
    assert Price.objects.get(currency="GBP").amount == 1250


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_an_import_waits_while_another_one_is_being_applied():
    make_variant(sku="FLK", stock=0)
    job = sheets.approve(check("lots", csv_of(LOTS, ["FLK", "L1", 4, "2029-05-31", ""])))
    at, other = reading.now(), connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [sheets.jobs.APPLY_LOCK])
        cursor.execute("SELECT 1")

    sheets.run(job.pk, at=at)
    waiting = ImportJob.objects.get(pk=job.pk)
    assert (waiting.status, waiting.attempts) == ("applying", 0)
    assert sheets.run(job.pk, at=at) is None
    other.close()
    sheets.run(job.pk, at=at + timedelta(seconds=30))

    assert ImportJob.objects.get(pk=job.pk).status == "applied"
    assert Lot.objects.count() == 1
