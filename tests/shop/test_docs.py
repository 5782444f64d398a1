"""The documents keep up with the code: every table, column and variable is named in them."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from orders import reconciler, refunds
from tests.factories.catalog import make_variant
from tests.till import Till

ROOT = Path(settings.BASE_DIR)
DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
OURS = ("shop", "catalog", "orders", "content")
MODELS = [
    model
    for model in apps.get_models(include_auto_created=True)
    if model.__module__.partition(".")[0] in OURS and not model._meta.proxy
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)
def test_every_table_and_column_is_described(model: type[models.Model]) -> None:
    meta = model._meta
    section = re.search(rf"\*\*{meta.db_table}\*\*(.*?)(?=\n\*\*|\n## |\Z)", DATA, re.DOTALL)
    assert section, f"{meta.db_table} is not in docs/data.md"

    described = set(re.findall(r"`([a-z0-9_]+)`", section.group(1)))

    # A history keeps columns of its subject, which are described there.
    subject = getattr(model, "pgh_tracked_model", None)
    described |= {field.column for field in subject._meta.concrete_fields} if subject else set()

    columns = {field.column for field in meta.local_concrete_fields} - {"id"}
    assert columns <= described, f"missing columns of {meta.db_table}: {sorted(columns - described)}"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)
def test_every_named_constraint_is_described(model: type[models.Model]) -> None:
    missing = [rule.name for rule in model._meta.constraints if f"`{rule.name}`" not in DATA]

    assert not missing


@pytest.mark.django_db(transaction=True)
def test_the_auditors_questions_find_nothing_wrong_after_a_sale_and_a_refund(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    refund = refunds.request_refund(order, amount=250, reason="torn", actor=None, at=till.at)
    reconciler.send_refund(refund.pk, at=till.at)
    till.order(("FLK", 1))

    blocks = re.findall(r"```sql\n(.*?)```", DATA, re.DOTALL)
    sums, *questions = [query for block in blocks for query in block.split(";") if query.strip()]

    [(*_, captured, refunded, kept)] = ask(sums.replace("AND NOT o.is_test", ""))
    assert (captured, refunded, kept) == (2985, 250, 2735)
    assert len(questions) >= 10
    assert [ask(question) for question in questions] == [[]] * len(questions)


def ask(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_every_variable_that_the_settings_read_has_an_example() -> None:
    files = (ROOT / "shop" / "settings").glob("*.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    read = set(re.findall(r'env\.\w+\(\s*"([A-Z][A-Z0-9_]*)"', code)) | {"DJANGO_SETTINGS_MODULE"}

    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE))
    assert read == named
