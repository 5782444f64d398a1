"""Addresses of the admin that name no record: they are not there, and never an error of ours."""

import pytest
from django.contrib.admin import ModelAdmin
from django.test import Client

from shop.accounts.models import User
from shop.admin import key_of, site

NAMES = ["\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}", "abc", "-1", "9" * 30, "9" * 4400]


@pytest.mark.parametrize(
    ("text", "key"),
    [("17", 17), ("0", 0), ("", 0), ("-1", 0), ("1.0", 0), (" 1", 0), ("1_0", 0), ("9" * 19, 0)]
    + [(name, 0) for name in NAMES],
)
def test_a_key_is_a_number_that_a_row_can_have(text: str, key: int) -> None:
    assert key_of(text) == key


def buttons() -> list[str]:
    """Return the address of every button of a record, with a place for its key."""
    found = []
    for record, model_admin in site._registry.items():
        assert isinstance(model_admin, ModelAdmin)
        home = f"/admin/{record._meta.app_label}/{record._meta.model_name}"
        names = [part for part in model_admin.actions_detail if isinstance(part, str)]
        for part in model_admin.actions_detail:
            names += part["items"] if isinstance(part, dict) else []
        found += [f"{home}/{{}}/{name}/" for name in names]
    return found


@pytest.mark.django_db
def test_no_button_of_a_record_that_is_not_there_fails() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("manager@shop.example", "secret-words-9"))
    asked = 0

    for address in buttons():
        for name in NAMES:
            answer = client.get(address.format(name), follow=True)
            assert answer.status_code in {200, 404}, (address, name)
            asked += 1

    assert asked > 300
