"""The office: one login, a second factor where it is asked for, and nobody's password typed by others."""

import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import Group
from django.test import Client

from shop.accounts import registration, roles
from shop.accounts.models import User
from shop.clock import reading

PASSWORD = "seven green otters"
SECRET = "JBSWY3DPEHPK3PXP"

pytestmark = pytest.mark.django_db


@pytest.fixture
def wim(settings: Any) -> User:
    settings.STAFF_MFA_REQUIRED = True
    roles.write_permissions()
    user = User.objects.create_user("wim@shop.example", PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="warehouse"))
    registration.vouch_for(user, at=reading.now())
    return user


def sign_in(client: Client, user: User) -> Any:
    return client.post("/account/login?next=/admin/", {"login": user.email, "password": PASSWORD})


def code() -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def test_with_a_password_alone_staff_see_a_page_that_says_what_to_do(client: Client, wim: User) -> None:
    assert sign_in(client, wim)["Location"] == "/admin/"
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"

    page = client.get("/admin/login/?next=/admin/")

    assert page.status_code == 403
    assert "Set up sign-in in two steps" in page.content.decode()
    assert client.get("/admin/orders/order/").status_code == 302
    assert client.post("/admin/catalog/lot/add/", {}).status_code == 302


def test_with_the_code_of_the_app_they_come_in(client: Client, wim: User) -> None:
    TOTP.activate(wim, SECRET)

    first = sign_in(client, wim)
    assert first["Location"].startswith("/account/two-steps/code")
    assert client.get("/admin/orders/order/").status_code == 302, "half a sign-in is none"
    second = client.post(first["Location"], {"code": code()})

    assert (second.status_code, second["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_a_session_from_before_the_app_was_set_up_asks_for_its_code(client: Client, wim: User) -> None:
    sign_in(client, wim)
    TOTP.activate(wim, SECRET)
    page = client.get("/admin/login/?next=/admin/orders/order/")
    assert "Enter the code" in page.content.decode()

    answer = client.post("/account/two-steps/again?next=/admin/orders/order/", {"code": code()})

    assert answer["Location"] == "/admin/orders/order/"
    assert client.get("/admin/orders/order/").status_code == 200


def test_a_customer_is_told_that_this_is_not_for_them(client: Client, wim: User) -> None:
    client.force_login(User.objects.create_user("ada@buyer.example", PASSWORD))

    page = client.get("/admin/login/?next=/admin/")

    assert page.status_code == 403
    assert "only staff come in here" in page.content.decode()


def test_the_way_in_leads_nowhere_else(client: Client, wim: User, settings: Any) -> None:
    settings.STAFF_MFA_REQUIRED = False
    client.force_login(wim)

    for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        assert client.get("/admin/login/", {"next": evil})["Location"] == "/admin/"


def test_the_app_is_set_up_on_a_page_with_recovery_codes(client: Client, wim: User) -> None:
    sign_in(client, wim)
    again = client.get("/account/two-steps/app")
    assert again["Location"].startswith("/account/reauthenticate")
    client.post(again["Location"], {"password": PASSWORD})
    page = client.get("/account/two-steps/app")
    secret = client.session["mfa.totp.secret"]
    assert secret in page.content.decode()

    now = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    answer = client.post("/account/two-steps/app", {"code": now})

    assert answer["Location"] == "/account/two-steps/codes"
    shown = client.get("/account/two-steps/codes").content.decode()
    assert shown.count("<code>") == 10
    assert "<code>" not in client.get("/account/two-steps/codes").content.decode(), "shown once"
    assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}


def test_a_manager_makes_no_superuser_and_touches_none(client: Client, wim: User, settings: Any) -> None:
    settings.STAFF_MFA_REQUIRED = False
    boss = User.objects.create_superuser("boss@shop.example", PASSWORD)
    mia = User.objects.create_user("mia@shop.example", PASSWORD, is_staff=True)
    mia.groups.add(Group.objects.get(name="manager"))
    secret_club = Group.objects.create(name="secret club")
    client.force_login(mia)

    assert client.post(f"/admin/accounts/user/{boss.pk}/change/", {"is_active": ""}).status_code == 403
    assert client.get(f"/admin/accounts/user/{wim.pk}/password/").status_code == 403
    form = {"is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": [str(secret_club.pk)]}
    inline = {"addresses-TOTAL_FORMS": "0", "addresses-INITIAL_FORMS": "0"}
    refused = client.post(f"/admin/accounts/user/{wim.pk}/change/", {**form, **inline, "name": "Wim"})
    assert refused.status_code == 200, "the group is none of those that a manager gives"
    editor = str(Group.objects.get(name="editor").pk)
    taken = client.post(
        f"/admin/accounts/user/{wim.pk}/change/", {**form, **inline, "name": "Wim", "groups": [editor]}
    )

    assert taken.status_code == 302
    wim.refresh_from_db()
    assert (wim.is_superuser, wim.email, wim.name) == (False, "wim@shop.example", "Wim")
    assert list(wim.groups.values_list("name", flat=True)) == ["editor"]
    boss.refresh_from_db()
    assert boss.is_active


def test_the_table_is_law_after_every_migrate(wim: User) -> None:
    group = Group.objects.get(name="warehouse")
    before = set(group.permissions.values_list("codename", flat=True))
    group.permissions.clear()
    Group.objects.filter(name="support").delete()

    roles.write_permissions()
    roles.write_permissions()

    assert set(group.permissions.values_list("codename", flat=True)) == before
    assert "change_shipment" in before
    assert "view_payment" not in before
    assert Group.objects.filter(name="support").exists()


def test_every_permission_of_the_table_exists() -> None:
    roles.write_permissions()

    for name, wanted in roles.ROLES.items():
        group = Group.objects.get(name=name)
        held = {
            f"{p.content_type.app_label}.{p.codename}"
            for p in group.permissions.select_related("content_type")
        }
        assert wanted - {"*"} <= held, name
