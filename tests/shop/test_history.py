"""Changes of prices, products and roles have a name on them, whatever way they went."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from catalog.models import Price, Product
from shop.accounts import roles
from shop.accounts.models import User
from shop.history.models import Change, PriceChange, ProductChange, UserChange, UserRoleChange
from tests.factories.catalog import make_variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@shop.example", name="Bo")


def newest(model: type[Change]) -> Change:
    return model.objects.order_by("-pgh_id")[0]


def test_an_update_of_many_rows_at_once_is_kept_row_by_row() -> None:
    make_variant(sku="FLK", prices={"GBP": 1195, "EUR": 1295})

    Product.objects.update(name="Renamed")
    Product.objects.update(name="Renamed")

    rows = ProductChange.objects.filter(pgh_label="changed")
    assert [row.name for row in rows] == ["Renamed"], "what did not change is no change"
    assert PriceChange.objects.filter(pgh_label="made").count() == Price.objects.count() == 2


def test_a_change_in_the_office_carries_the_name_of_who_did_it(client: Client, boss: User) -> None:
    variant = make_variant(sku="FLK")
    category = variant.product.category
    client.force_login(boss)

    answer = client.post(
        f"/admin/catalog/category/{category.pk}/change/",
        {"name": "Flakes, renamed", "slug": category.slug, "description": "", "position": "1"},
    )

    assert answer.status_code == 302
    page = client.get("/admin/history/change/?subject=history.TrackedCategory").content.decode()
    assert "boss@shop.example" in page
    assert "Flakes, renamed" in page
    assert "→" in page


def test_roles_given_and_taken_are_kept_and_customers_leave_no_line(client: Client, boss: User) -> None:
    roles.write_permissions()
    User.objects.create_user("ada@buyer.example")
    wim = User.objects.create_user("wim@shop.example", is_staff=True)
    support = Group.objects.get(name="support")
    client.force_login(boss)
    form = {"name": "", "email": wim.email, "is_active": "on", "is_staff": "on"}
    inline = {"addresses-TOTAL_FORMS": "0", "addresses-INITIAL_FORMS": "0"}

    wim.groups.add(support)
    client.post(f"/admin/accounts/user/{wim.pk}/change/", {**form, **inline})

    given, taken = UserRoleChange.objects.filter(user=wim).order_by("pgh_id")
    assert (given.pgh_label, given.group_id, given.pgh_context) == ("given", support.pk, None)
    assert (taken.pgh_label, taken.pgh_context.metadata["user"]) == ("taken", boss.pk)
    assert set(UserChange.objects.values_list("pgh_obj_id", flat=True)) == {boss.pk, wim.pk}
    page = client.get("/admin/history/change/").content.decode()
    assert "wim@shop.example" in page
    assert "the system" in page


def test_nothing_personal_and_no_password_is_kept() -> None:
    columns = {field.column for field in UserChange._meta.concrete_fields}

    assert not columns & {"password", "email", "name", "last_login"}
