"""A product makes no claim: the form refuses it, and findings stand beside the words."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from tests.catalog.test_pictures import send
from tests.factories.catalog import make_variant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("summary", "Relief for aching legs."),
        ("description", "Salt for the bath. It cures cramps."),
        ("directions_foot", "Soak until the pain has gone away."),
    ],
)
def test_a_claim_does_not_get_onto_the_shelf(admin_client: Client, field: str, text: str) -> None:
    product = make_variant().product

    answer: Any = send(admin_client, product, **{field: text})

    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert text not in str(Product.objects.filter(pk=product.pk).values())


def test_a_draft_may_be_unfinished_and_shows_what_was_found(admin_client: Client) -> None:
    product = make_variant().product
    Product.objects.filter(pk=product.pk).update(is_published=False, summary="It cures cramps.")

    page = admin_client.get(reverse("admin:catalog_product_change", args=[product.pk])).content.decode()

    assert "<mark>cures cramps</mark>" in page
    assert "Describe the bath" in page
