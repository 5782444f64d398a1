"""`manage.py import_catalog`: a dry run unless told otherwise."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from catalog.models import ImportJob, Variant
from tests.catalog.sheet_files import csv_of
from tests.factories.catalog import make_variant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "variants.csv"
    path.write_bytes(csv_of(["sku", "reorder_point"], ["FLK", 9]))
    return path


def test_without_apply_it_shows_the_differences_and_writes_nothing(file, capsys):
    make_variant(sku="FLK", reorder_point=5)

    call_command("import_catalog", "variants", str(file))

    said = capsys.readouterr().out
    assert "row 2\tchanged\tFLK\treorder_point: 5 → 9" in said
    assert "1 rows, 0 new, 1 changed, 0 unchanged, 0 errors" in said
    assert Variant.objects.get().reorder_point == 5


def test_with_apply_it_imports_in_somebodys_name(file, capsys):
    make_variant(sku="FLK", reorder_point=5)
    ada = get_user_model().objects.create_user("ada@shop.example", is_staff=True)

    call_command("import_catalog", "variants", str(file), "--apply", "--by", "ada@shop.example")
    call_command("import_catalog", "variants", str(file), "--apply")

    assert "Applied." in capsys.readouterr().out
    assert Variant.objects.get().reorder_point == 9
    assert list(ImportJob.objects.values_list("status", "applied_by")) == [
        ("ready", None),
        ("applied", ada.pk),
    ]


def test_errors_are_told_by_row_and_the_command_fails(tmp_path, capsys):
    path = tmp_path / "variants.csv"
    path.write_bytes(csv_of(["sku", "reorder_point"], ["NOPE", "-1"]))

    with pytest.raises(CommandError, match="Nothing was written"):
        call_command("import_catalog", "variants", str(path), "--apply")

    assert "row 2\terror\treorder_point\t-1 is negative." in capsys.readouterr().out
    assert not Variant.objects.exists()


@pytest.mark.parametrize("by", ["nobody@shop.example"])
def test_a_name_that_is_no_staff_account_is_refused(file, by):
    with pytest.raises(CommandError, match="no staff account"):
        call_command("import_catalog", "variants", str(file), "--by", by)

    assert not ImportJob.objects.exists()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_catalog", "variants", str(tmp_path / "gone.csv"))
