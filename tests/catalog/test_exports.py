"""Files that staff take away: what stands in them, that no cell runs, and that they can be brought back."""

import csv
import io
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from catalog import inventory, pricing, sheets
from catalog.models import ImportJob, StockLevel
from shop.clock import reading
from tests.catalog.sheet_files import check, csv_of, outcome
from tests.factories.catalog import AT, make_bundle, make_variant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.catalog.urls")]
EVIL = ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1"]
KINDS = ImportJob.Kind.values


@pytest.fixture
def _goods():
    flakes = make_variant(sku="FLK", stock=10, product__scent="pine", gtin="9520000000011")
    make_variant(sku="SCP", stock=3, is_lot_tracked=False)
    make_bundle([(flakes, 2)], sku="SET")
    soon = reading.now() + timedelta(days=3)
    pricing.change_price(
        variant=flakes, currency="GBP", kind="list", amount=1350, starts_at=soon, at=reading.now()
    )
    lot = inventory.receive_lot(
        variant=flakes, code="Q1", quantity=4, best_before_on=None, cause="test", at=AT
    )
    assert lot.status == "quarantine"


def exported(kind):
    text = "".join(sheets.csv_lines(kind, sheets.rows_of(kind)))
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.usefixtures("_goods")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_and_brought_back_changes_nothing(kind):
    content = "".join(sheets.csv_lines(kind, sheets.rows_of(kind))).encode()

    job = check(kind, content)

    assert job.errors == []
    assert job.rows_new + job.rows_changed == 0
    assert job.rows_unchanged == len(exported(kind)) - 1 > 0


@pytest.mark.usefixtures("_goods")
@pytest.mark.parametrize("kind", KINDS)
def test_a_workbook_brought_back_changes_nothing_either(kind):
    content = sheets.workbook(kind, sheets.rows_of(kind)).read()

    job = check(kind, content)

    assert job.errors == []
    assert (job.rows_new, job.rows_changed) == (0, 0)
    assert job.rows_unchanged == len(exported(kind)) - 1


@pytest.mark.parametrize("evil", EVIL)
def test_no_exported_cell_runs_as_a_formula_and_it_comes_back_as_it_was(evil):
    variant = make_variant(
        sku="FLK", product__code="PRD", product__scent=evil, product__description=f"{evil}\nx"
    )

    header, row = exported("products")
    book = openpyxl.load_workbook(sheets.workbook("products", sheets.rows_of("products")))
    [_, cells] = book.active.iter_rows(values_only=True)
    back = check("products", csv_of(["code", "scent"], ["PRD", row[header.index("scent")]]))

    assert row[header.index("scent")] == "'" + evil
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert not [cell for cell in cells if str(cell or "").startswith(("=", "+", "-", "@"))]
    assert "f" not in {cell.data_type for cell in book.active[2]}
    assert outcome(back) == ("ready", 0, 0, 1, 0)
    assert variant.product.scent == evil


@pytest.mark.usefixtures("_goods")
def test_counts_are_exported_lot_by_lot_with_what_the_books_say():
    header, *rows = exported("counts")

    flakes = StockLevel.objects.get(variant__sku="FLK").variant
    released = flakes.lots.get(status="released").code
    assert header == ["sku", "lot", "counted", "reason"]
    assert rows == [["FLK", released, "10", ""], ["FLK", "Q1", "4", ""], ["SCP", "", "3", ""]]


@pytest.mark.usefixtures("_goods")
def test_prices_are_exported_in_major_units_with_their_times():
    header, *rows = exported("prices")

    assert header == ["sku", "currency", "kind", "amount", "starts_at", "ends_at"]
    [now, planned] = [row for row in rows if row[:3] == ["FLK", "GBP", "list"]]
    assert (now[3], planned[3], planned[5]) == ("12.50", "13.50", "")
    assert now[5] == planned[4]


def test_an_export_reads_in_batches(django_assert_max_num_queries):
    for _ in range(30):
        make_variant(stock=2)

    with django_assert_max_num_queries(3):
        assert len(exported("counts")) == 31


LISTS = {
    "products": "product",
    "variants": "variant",
    "prices": "price",
    "counts": "stocklevel",
    "lots": "lot",
}


def page(kind, what):
    return reverse(f"admin:catalog_{LISTS[kind]}_{what}")


@pytest.mark.usefixtures("_goods")
@pytest.mark.parametrize("kind", KINDS)
def test_every_list_has_buttons_that_work(admin_client, kind):
    shown = admin_client.get(page(kind, "changelist")).content.decode()
    csv_file = admin_client.get(page(kind, "export_csv"))
    book = admin_client.get(page(kind, "export_xlsx"))

    assert "Import a file" in shown
    assert csv_file.headers["Content-Disposition"] == f'attachment; filename="{kind}.csv"'
    assert csv_file.getvalue().decode("utf-8-sig").splitlines()[0] == ",".join(sheets.names_of(kind))
    assert openpyxl.load_workbook(io.BytesIO(book.getvalue())).active.max_row > 1
    assert f"kind={kind}" in admin_client.get(page(kind, "import_file")).headers["Location"]


@pytest.mark.usefixtures("_goods")
def test_the_selected_rows_alone_are_exported(admin_client):
    level = StockLevel.objects.get(variant__sku="SCP")

    answer = admin_client.post(
        page("counts", "changelist"), {"action": "export_selected", "_selected_action": [level.pk]}
    )

    assert answer.getvalue().decode("utf-8-sig").splitlines()[1:] == ["SCP,,3,"]


def upload(client, kind, content, name="file.csv"):
    file = io.BytesIO(content)
    file.name = name
    return client.post(reverse("admin:catalog_importjob_add"), {"kind": kind, "file": file})


def detail(job):
    return reverse("admin:catalog_importjob_change", args=[job.pk])


@pytest.mark.django_db(transaction=True)
def test_staff_bring_a_file_see_the_differences_and_apply_it(admin_client, admin_user):
    variant = make_variant(sku="FLK", reorder_point=5)

    answer = upload(admin_client, "variants", csv_of(["sku", "reorder_point"], ["FLK", 9]))
    job = ImportJob.objects.get()
    assert answer.headers["Location"] == detail(job)
    shown = admin_client.get(detail(job)).content.decode()
    for words in ("Checked, and nothing written yet", "reorder_point", "0 new, 1 changed", "Apply"):
        assert words in shown
    variant.refresh_from_db()
    assert variant.reorder_point == 5

    button = reverse("admin:catalog_importjob_apply_import", args=[job.pk])
    assert "Apply all rows" in admin_client.get(button).content.decode()
    admin_client.post(button)

    variant.refresh_from_db()
    job.refresh_from_db()
    assert (variant.reorder_point, job.status, job.applied_by) == (9, "applied", admin_user)
    assert button not in admin_client.get(detail(job)).content.decode()
    assert admin_client.post(button).status_code == 200, "asked again, it says why not"


@pytest.mark.django_db(transaction=True)
def test_a_large_file_is_left_to_a_worker_and_its_page_shows_how_far_it_is(admin_client, monkeypatch):
    woken = []
    monkeypatch.setattr("catalog.admin.imports.wake", lambda task, job_id: woken.append(job_id))
    monkeypatch.setattr("catalog.admin.imports.AT_ONCE_BYTES", 10)

    upload(admin_client, "variants", csv_of(["sku", "reorder_point"], ["FLK", 9]))

    job = ImportJob.objects.get()
    ImportJob.objects.update(rows_done=40_000, rows_total=100_000)
    shown = " ".join(admin_client.get(detail(job)).content.decode().split())
    assert (job.status, woken) == ("checking", [job.pk])
    assert "Checking: 40000 of about 100000 rows" in shown
    assert "width: 40%" in shown


@pytest.mark.django_db(transaction=True)
def test_errors_stand_on_the_page_and_nothing_runs_there(admin_client):
    evil = "<script>alert(1)</script>"
    upload(admin_client, "lots", csv_of(["sku", "lot", "quantity", "best_before_on"], [evil, evil, "x", "y"]))

    job = ImportJob.objects.get()
    shown = admin_client.get(detail(job)).content.decode()
    assert "Nothing was written" in shown
    assert "3 errors" in shown
    assert evil not in shown
    assert reverse("admin:catalog_importjob_apply_import", args=[job.pk]) not in shown


@pytest.mark.parametrize(("name", "content"), [("a.txt", b"sku"), ("a.csv", b""), ("", b"sku")])
def test_what_is_no_file_of_rows_is_refused_on_the_form(admin_client, name, content):
    answer = upload(admin_client, "lots", content, name)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["file"]
    assert not ImportJob.objects.exists()


@pytest.fixture
def clerk(client):
    user = get_user_model().objects.create_user("clerk@shop.example", is_staff=True)
    client.force_login(user)
    return user


def allow(user, *codenames):
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def test_only_who_may_make_such_a_change_may_bring_a_file_of_it(client, clerk):
    allow(clerk, "add_lot", "view_price", "view_lot")
    theirs = check("lots", b"sku\n")
    not_theirs = check("prices", b"sku\n")

    form = client.get(reverse("admin:catalog_importjob_add")).context["adminform"].form
    refused = upload(client, "prices", b"sku\nx")
    shown = client.get(page("prices", "changelist")).content.decode()

    assert [value for value, _ in form.fields["kind"].choices] == ["lots"]
    assert "kind" in refused.context["adminform"].form.errors
    assert "Import a file" not in shown
    assert client.get(page("prices", "import_file")).status_code == 403
    assert client.get(detail(theirs)).status_code == 200
    assert client.get(detail(not_theirs)).status_code == 302
    apply_other = reverse("admin:catalog_importjob_apply_import", args=[not_theirs.pk])
    assert client.post(apply_other).status_code == 404
    assert ImportJob.objects.count() == 2


def test_who_may_bring_nothing_sees_no_imports(client, clerk):
    allow(clerk, "view_price")

    assert client.get(reverse("admin:catalog_importjob_changelist")).status_code == 403
    assert client.get(reverse("admin:catalog_importjob_add")).status_code == 403
    assert client.get(page("variants", "export_csv")).status_code == 403
    assert client.get(page("prices", "export_csv")).status_code == 200


def test_the_list_of_imports_reads_no_files(admin_client, django_assert_max_num_queries):
    for n in range(20):
        sheets.bring(kind="lots", file_name=f"{n}.csv", content=b"x" * 99, at=datetime.now(UTC))

    with django_assert_max_num_queries(12) as queries:
        answer = admin_client.get(reverse("admin:catalog_importjob_changelist"))

    assert len(answer.context["cl"].result_list) == 20
    assert not [q for q in queries.captured_queries if '"content"' in q["sql"]]
