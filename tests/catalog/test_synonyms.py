"""What shoppers call things is edited by staff, and counts from the next search on."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from catalog import sample_data, search
from catalog.models import Product, Synonym
from catalog.search import synonyms
from tests.factories.catalog import make_variant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _first_ones() -> None:
    sample_data._load_sayings()


def found(text: str) -> list[str]:
    return list(
        search.matching(Product.objects.visible(), search.understand(text)).values_list("code", flat=True)
    )


def typed(saying: str, means: str) -> dict[str, str]:
    return {"saying": saying, "means": means}


def send(client: Client, name: str, *args: Any, **data: str) -> Any:
    return client.post(reverse(f"admin:catalog_synonym_{name}", args=args), data)


def test_a_synonym_of_staff_counts_from_the_next_search_on(
    admin_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    product = make_variant(product__name="Kelp flakes").product
    assert found("sea weed") == []

    with django_capture_on_commit_callbacks(execute=True):
        answer = send(admin_client, "add", **typed("Sea-Weed", "Kelp & flakes"))

    assert answer.status_code == 302, answer.context["errors"]
    row = Synonym.objects.get(saying="sea weed")
    assert row.means == "kelp & flakes"
    assert found("sea weed") == [product.code]

    with django_capture_on_commit_callbacks(execute=True):
        send(admin_client, "delete", row.pk, post="yes")
    assert found("sea weed") == []


@pytest.mark.parametrize(
    ("saying", "means", "field"),
    [
        ("", "kelp", "saying"),
        ("%%", "kelp", "saying"),
        ("one two three four five", "kelp", "saying"),
        ("x" * 61, "kelp", "saying"),
        ("mag oil", "kelp", "saying"),
        ("sea weed", "", "means"),
        ("sea weed", "kelp flakes", "means"),
        ("sea weed", "kelp & (flakes", "means"),
        ("sea weed", "the | of", "means"),
        ("sea weed", "kelp'; DROP TABLE x", "means"),
        ("sea weed", "kelp\x00", "means"),
        ("sea weed", "!kelp", "means"),
    ],
)
def test_what_no_search_could_use_is_refused_beside_its_field(
    admin_client: Client, saying: str, means: str, field: str
) -> None:
    before = Synonym.objects.count()

    answer = send(admin_client, "add", **typed(saying, means))

    assert field in answer.context["adminform"].form.errors
    assert Synonym.objects.count() == before


def test_every_first_synonym_goes_through_the_form_as_it_is(admin_client: Client) -> None:
    form = type(admin_client.get(reverse("admin:catalog_synonym_add")).context["adminform"].form)

    for row in Synonym.objects.all():
        one = form(typed(row.saying, row.means), instance=row)
        assert one.is_valid(), one.errors
        assert (one.cleaned_data["saying"], one.cleaned_data["means"]) == (row.saying, row.means)


def test_the_migration_brings_what_the_sample_shop_has() -> None:
    known = json.loads((sample_data.FIXTURE.parent / "sayings.json").read_text())

    assert dict(Synonym.objects.values_list("saying", "means")) == known
    assert Synonym.objects.get(saying="mag oil").means == "magnesium & oil"


def test_synonyms_are_read_once_for_many_searches(django_assert_num_queries: Any) -> None:
    make_variant()
    search.understand("mag oil")

    with django_assert_num_queries(0):
        search.understand("mag oil")
        search.understand("foot bath 1 kg")

    cache.clear()
    with django_assert_num_queries(1):
        search.understand("mag oil")
    synonyms.forget()
    with django_assert_num_queries(1):
        search.understand("mag oil")


def test_without_synonyms_and_without_a_cache_a_search_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_variant(product__name="Kelp flakes").product
    Synonym.objects.all().delete()
    monkeypatch.setattr(cache, "get", lambda key: None)

    assert found("kelp") == [product.code]
