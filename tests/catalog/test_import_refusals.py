"""Files that are wrong: told by row and column in words, and nothing is written."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from catalog import sheets
from catalog.models import Lot, Price, Product, StockMovement, Variant
from catalog.sheets import reading as sheet_reading
from shop.exceptions import InvalidInput
from tests.catalog.sheet_files import check, csv_of, outcome, xlsx_of
from tests.factories.catalog import make_variant

pytestmark = pytest.mark.django_db
SOON = (datetime.now(UTC) + timedelta(days=3)).date()
LOT = ["FLK", "L1", "4", "2029-05-31"]


@pytest.fixture
def variant():
    return make_variant(sku="FLK", stock=10, prices={"GBP": 1250}, product__code="PRD", gtin="9520000000011")


@pytest.fixture
def _nothing_is_written(variant):
    models = (Product, Variant, Price, Lot, StockMovement)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in models] == before


ROWS = {
    "a wrong SKU": ("lots", ["NOPE", *LOT[1:]], "sku", "no variant with the SKU NOPE"),
    "no SKU": ("lots", ["", *LOT[1:]], "sku", "empty"),
    "a negative quantity": ("lots", ["FLK", "L1", "-4", "2029-05-31"], "quantity", "-4 is negative"),
    "half a pouch": ("lots", ["FLK", "L1", "4.5", "2029-05-31"], "quantity", "not a whole number"),
    "words for a number": ("lots", ["FLK", "L1", "four", "2029-05-31"], "quantity", "not a whole number"),
    "an impossible date": ("lots", ["FLK", "L1", "4", "2029-02-30"], "best_before_on", "Write it as 2026-12-31"),
    "another order of dates": ("lots", ["FLK", "L1", "4", "31/05/2029"], "best_before_on", "is no date"),
    "a far date": ("lots", ["FLK", "L1", "4", "9999-12-31"], "best_before_on", "between 2000 and 2100"),
    "a formula as a lot": ("lots", ["FLK", "=cmd|'/C calc'!A0", "4", "2029-05-31"], "lot", "looks like a formula"),
    "a formula as a number": ("lots", ["FLK", "L1", "=1+1", "2029-05-31"], "quantity", "not a whole number"),
    "a plus": ("lots", ["FLK", "+1", "4", "2029-05-31"], "lot", "looks like a formula"),
    "a minus": ("lots", ["FLK", "-1", "4", "2029-05-31"], "lot", "looks like a formula"),
    "an at": ("lots", ["FLK", "@SUM(1)", "4", "2029-05-31"], "lot", "looks like a formula"),
    "a tab": ("lots", ["FLK", "\t=1", "4", "2029-05-31"], "lot", "looks like a formula"),
    "a carriage return": ("lots", ["FLK", "\r=1", "4", "2029-05-31"], "lot", "looks like a formula"),
    "a bell": ("lots", ["FLK", "L\x071", "4", "2029-05-31"], "lot", "control characters"),
    "a long lot": ("lots", ["FLK", "L" * 33, "4", "2029-05-31"], "lot", "Longer than 32"),
    "a huge number": ("lots", ["FLK", "L1", "99999999999", "2029-05-31"], "quantity", "too large"),
    "a lot nowhere": ("counts", ["FLK", "L9", "4"], "lot", "no lot L9"),
    "no lot": ("counts", ["FLK", "", "4"], "lot", "name the lot"),
    "a negative count": ("counts", ["FLK", "L9", "-1"], "counted", "-1 is negative"),
    "nothing counted": ("counts", ["FLK", "L9", ""], "counted", "empty"),
    "three decimals": ("prices", ["FLK", "GBP", "list", "12.505", ""], "amount", "more decimals than GBP"),
    "a comma in a price": ("prices", ["FLK", "GBP", "list", "12,50", ""], "amount", "Write it as 12.50"),
    "a pound sign": ("prices", ["FLK", "GBP", "list", "£12.50", ""], "amount", "not a number"),
    "nothing as a price": ("prices", ["FLK", "GBP", "list", "0.00", ""], "amount", "more than nothing"),
    "a negative price": ("prices", ["FLK", "GBP", "list", "-1", ""], "amount", "more than nothing"),
    "a number beyond reason": ("prices", ["FLK", "GBP", "list", "1e9", ""], "amount", "not a number"),
    "NaN": ("prices", ["FLK", "GBP", "list", "NaN", ""], "amount", "not a number"),
    "an unknown currency": ("prices", ["FLK", "XAU", "list", "12.50", ""], "currency", "GBP, EUR, USD"),
    "an unknown kind": ("prices", ["FLK", "GBP", "bargain", "12.50", ""], "kind", "list, sale, refill"),
    "a price in the past": ("prices", ["FLK", "GBP", "list", "13.50", "2020-01-01"], "starts_at", "now or later"),
    "an impossible moment": ("prices", ["FLK", "GBP", "list", "13.50", "2029-02-30"], "starts_at", "no moment"),
    "a wrong GTIN": ("variants", ["FLK", "9520000000012", "g"], "gtin", "check digit"),
    "an unknown unit": ("variants", ["FLK", "", "lb"], "net_unit", "not a valid choice"),
    "a new variant without facts": ("variants", ["NEW", "", "g"], "product", "needs this"),
    "an unknown category": ("products", ["PRD", "nowhere", "flakes"], "category", "no category"),
    "an unknown kind of product": ("products", ["PRD", "", "pills"], "kind", "not a valid choice"),
}  # fmt: skip
HEADERS = {
    "lots": ["sku", "lot", "quantity", "best_before_on"],
    "counts": ["sku", "lot", "counted"],
    "prices": ["sku", "currency", "kind", "amount", "starts_at"],
    "variants": ["sku", "gtin", "net_unit"],
    "products": ["code", "category", "kind"],
}


@pytest.mark.usefixtures("_nothing_is_written")
@pytest.mark.parametrize("what", ROWS)
def test_a_wrong_cell_is_named_with_its_row_and_column(what):
    kind, row, column, words = ROWS[what]

    job = check(kind, csv_of(HEADERS[kind], row))

    assert job.status == "refused"
    found = [(number, said) for number, name, said in job.errors if name == column]
    assert found, job.errors
    assert found[0][0] == 2
    assert words in found[0][1]
    with pytest.raises(sheets.NotReady), transaction.atomic():
        sheets.approve(job)


CLAIM = "Relieves nerve pain."


@pytest.mark.parametrize(
    ("headers", "cells", "column"),
    [
        (["summary"], [CLAIM], "summary"),
        (["description", "position"], [f"For baths.\n\n{CLAIM}", "3"], "description"),
        (["storage"], [CLAIM], "storage"),
        (["name"], ["Nerve pain relief flakes"], "name"),
    ],
)
def test_a_claim_does_not_get_onto_the_shelf_by_a_file(variant, headers, cells, column):
    """As in the product's form: refused with its row and column, and so is the file."""
    Product.objects.update(is_published=True)
    before = Product.objects.values().get()

    job = check("products", csv_of(["code", *headers], ["PRD", *cells]))

    assert job.status == "refused"
    assert {(row, where) for row, where, _ in job.errors} == {(2, column)}
    assert "“" in job.errors[0][2]
    assert Product.objects.values().get() == before


def test_publishing_by_a_file_what_holds_a_claim_is_refused(variant):
    Product.objects.update(is_published=False, directions={"foot": [CLAIM]}, summary=CLAIM)

    draft = check("products", csv_of(["code", "summary"], ["PRD", f"{CLAIM} Really."]))
    job = check("products", csv_of(["code", "published"], ["PRD", "yes"]))
    elsewhere = check("products", csv_of(["code", "position"], ["PRD", "4"]))

    assert (draft.status, elsewhere.status) == ("ready", "ready"), "a draft may hold anything, as in the form"
    assert job.status == "refused"
    assert {where for _, where, _ in job.errors} == {"published"}
    assert {words.split(":")[0] for _, _, words in job.errors} == {"summary", "directions foot"}


@pytest.mark.usefixtures("_nothing_is_written")
def test_a_duplicate_lot_names_the_row_that_it_stands_in_already():
    job = check("lots", csv_of(HEADERS["lots"], LOT, ["FLK", "L2", 3, "2029-05-31"], LOT))

    assert job.errors == [[4, "lot", "FLK L1 stands in row 2 already."]]


@pytest.mark.usefixtures("_nothing_is_written")
def test_a_lot_that_is_known_is_not_received_again(variant):
    known = variant.lots.get()

    same = check("lots", csv_of(HEADERS["lots"], ["FLK", known.code, 10, known.best_before_on]))
    other = check("lots", csv_of(HEADERS["lots"], ["FLK", known.code, 12, known.best_before_on]))

    assert outcome(same) == ("ready", 0, 0, 1, 0)
    assert "is known already, with 10 units" in other.errors[0][2]


@pytest.mark.usefixtures("_nothing_is_written")
def test_prices_that_overlap_within_a_file_are_refused():
    rows = [["FLK", "GBP", "list", "13.50", SOON], ["FLK", "GBP", "list", "14.50", SOON]]

    job = check("prices", csv_of(HEADERS["prices"], *rows))

    assert job.errors == [
        [3, "amount", "The price of £13.50 from then on is planned already: withdraw it first."]
    ]


def test_two_variants_do_not_share_a_gtin(variant):
    other = make_variant(sku="OTHER")

    job = check("variants", csv_of(["sku", "gtin"], ["OTHER", "9520000000011"]))

    assert job.errors == [[2, "gtin", "The GTIN 9520000000011 belongs to FLK."]]
    other.refresh_from_db()
    assert other.gtin is None


def bomb() -> bytes:
    """A workbook of a few hundred kB that unpacks to more than the limit."""
    out = io.BytesIO()
    archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("xl/worksheets/sheet1.xml", "w") as entry:
        for _ in range(301):
            entry.write(b" " * 1024 * 1024)
    return out.getvalue()


def with_row_number(number: int) -> bytes:
    """A workbook whose only row after the header claims to be far down."""
    source, out = io.BytesIO(xlsx_of(HEADERS["lots"], LOT)), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                data = data.replace(b'<row r="2"', f'<row r="{number}"'.encode())
                for letter in b"ABCD":
                    old_cell = f'r="{chr(letter)}2"'.encode()
                    data = data.replace(old_cell, f'r="{chr(letter)}{number}"'.encode())
            new.writestr(name, data)
    return out.getvalue()


def billion_laughs() -> bytes:
    """A workbook whose cell names an entity that unfolds to a hundred billion words."""
    source, out = io.BytesIO(xlsx_of(HEADERS["lots"], LOT)), io.BytesIO()
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE worksheet [<!ENTITY l0 "ha">{entities}]>'.encode()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                data = head + data.replace(b"<t>L1</t>", b"<t>&l11;</t>")
            new.writestr(name, data)
    return out.getvalue()


FILES = {
    "empty rows only": (b"\n\n  \n", "a.csv", "empty"),
    "a header alone": (b"sku,lot,quantity,best_before_on\n", "a.csv", "no rows below"),
    "no header": (csv_of(LOT), "a.csv", "Missing columns: sku, lot, quantity, best_before_on"),
    "a column too few": (csv_of(["sku", "lot", "quantity"]), "a.csv", "Missing columns: best_before_on"),
    "a column too many": (csv_of([*HEADERS["lots"], "colour"]), "a.csv", "Unknown columns: colour"),
    "a column twice": (csv_of([*HEADERS["lots"], "lot"]), "a.csv", "stands there twice: lot"),
    "a column without a name": (csv_of(["sku", "", *HEADERS["lots"][1:]]), "a.csv", "has no name"),
    "more cells than columns": (csv_of(HEADERS["lots"], [*LOT, "x"]), "a.csv", "Row 2 has more cells"),
    "Latin-1": (
        "sku,lot,quantity,best_before_on\nFLÜ,L,1,\n".encode("latin-1"),
        "a.csv",
        "line 2 holds other",
    ),
    "UTF-16": ("sku,lot".encode("utf-16"), "a.csv", "not in UTF-8"),
    "NUL": (b"sku,lot,quantity,best_before_on\nFLK,L\x00,1,\n", "a.csv", "NUL"),
    "an open quotation mark": (b'sku,lot,quantity,best_before_on\nFLK,"L1,4,\n', "a.csv", "quotation mark"),
    "a CSV called XLSX": (csv_of(HEADERS["lots"], LOT), "a.xlsx", "name does not fit"),
    "a workbook called CSV": (xlsx_of(HEADERS["lots"], LOT), "a.csv", "name does not fit"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "a.xls", "old Excel file"),
    "half a workbook": (xlsx_of(HEADERS["lots"], LOT)[:900], "a.xlsx", "cannot be read|can be read"),
    "a bomb": (bomb(), "a.xlsx", "too large when unpacked"),
    "a row at the end of the world": (with_row_number(9_999_999_999), "a.xlsx", "Too many empty rows"),
    "a billion laughs": (billion_laughs(), "a.xlsx", "can be read|damaged"),
}


@pytest.mark.usefixtures("_nothing_is_written")
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_wrong_as_a_whole_is_refused_in_words(what):
    content, name, words = FILES[what]

    job = check("lots", content, name=name)

    assert job.status == "refused", what
    assert any(word in job.errors[0][2] for word in words.split("|")), job.errors
    assert job.error_count == 1


def test_nothing_at_all_is_no_file():
    with pytest.raises(InvalidInput):
        check("lots", b"")


@pytest.mark.usefixtures("_nothing_is_written")
def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(sheet_reading, "MAX_ROWS", 2)

    job = check("lots", csv_of(HEADERS["lots"], *(["FLK", f"L{n}", 1, "2029-05-31"] for n in range(3))))

    assert "More than 2 rows" in job.errors[0][2]


@pytest.mark.usefixtures("_nothing_is_written")
def test_a_formula_in_a_workbook_is_no_value():
    job = check("lots", xlsx_of(HEADERS["lots"], ["FLK", '=HYPERLINK("http://x")', "=2+2", "2029-05-31"]))

    assert {column for _, column, _ in job.errors} == {"lot", "quantity"}


@pytest.mark.usefixtures("_nothing_is_written")
def test_a_hundred_thousand_wrong_rows_keep_the_first_errors_and_count_all():
    lines = ["sku,lot,quantity,best_before_on", *(f"NOPE,L{n},1,2029-05-31" for n in range(100_000))]

    job = check("lots", "\n".join(lines).encode())

    assert (job.status, job.rows_done, job.error_count) == ("refused", 100_000, 100_000)
    assert len(job.errors) == 200
    assert job.errors[-1] == [201, "sku", "There is no variant with the SKU NOPE."]
