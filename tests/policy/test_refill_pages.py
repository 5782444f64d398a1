"""Who may open which page about refills, and who may not: every page at each of its two doors, by hand.

A page of `shop.storefront.refills.urls` without a row here fails.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from orders import refill_links
from orders.models import BillingCycle, Refill, RefillExtra, SavedCard, Subscription
from orders.refill_links import Purpose
from orders.subscriptions import extras
from shop.accounts.models import User
from shop.storefront.refills.urls import urlpatterns
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days

pytestmark = pytest.mark.django_db

S, R, X = "S", "R", "X"
# The page behind each door, as its address is built: {S} a subscription, {R} its parcel, {X} a one-off item.
PAGES = {
    "": "refills",
    "cancel": "refill-choose",
    "{S}/cancel": "refill-cancel",
    "{S}/send-now": "refill-send-now",
    "{S}/card": "refill-card",
    "{S}/card/new": "refill-card-new",
    "{S}/card/return": "refill-card-return",
    "{S}/items/{X}/remove": "refill-item-remove",
    **{
        f"{{S}}/{verb}": "refill-change"
        for verb in ("skip", "unskip", "plenty", "pause", "resume", "interval", "date", "quantity", "address",
                     "swap", "add")
    },
    "{R}/skip": "refill-change",
}  # fmt: skip
# What a POST could do if it were let in.
FORM = {
    "sure": "1", "until": "2027-02-01", "interval": "week:8", "next_on": "2027-02-01", "quantity": "7",
    "expected_total": "2370", "take_back": "",
}  # fmt: skip


@dataclass
class Shop:
    """Ada has refills as a customer, Gus as a guest; Eve has an account and refills of her own."""

    ada: Subscription
    eve: Subscription
    people: dict[str, Client] = field(default_factory=dict)

    def address(self, door: str, page: str, row: Subscription) -> str:
        refill = Refill.objects.get(cycles__subscription=row)
        names = {"S": row.reference, "R": refill.reference, "X": row.extras.get().reference}
        return "/".join(part for part in (door, page.format(**names)) if part)


@pytest.fixture
def shop(regions: None, at: Any) -> Shop:
    routine = Routine(at)
    users = {
        name: User.objects.create_user(f"{name}@buyer.example", "secret-words-9") for name in ("ada", "eve")
    }
    rows = {name: routine.begin((make_variant(), 1, "week", 4), user=user)[0] for name, user in users.items()}
    for row in rows.values():
        routine.remind(cycle_of(row).due_at - days(5))
        extras.add(row, sku=make_oil().sku, quantity=1, at=at)
    found = Shop(rows["ada"], rows["eve"], {"stranger": Client()})
    for name, user in users.items():
        found.people[name] = Client()
        found.people[name].force_login(user)
    staff = User.objects.create_user("staff@shop.example", "secret-words-9", is_staff=True, is_superuser=True)
    found.people["staff"] = Client()
    found.people["staff"].force_login(staff)
    return found


def everything() -> list[Any]:
    """Return all that a page could change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Subscription, BillingCycle, Refill, RefillExtra, SavedCard)
    ]


def test_every_page_has_a_row_here() -> None:
    named = {str(pattern.name) for pattern in urlpatterns}

    doors = set(PAGES.values()) | {f"account-{name}" for name in PAGES.values()}
    assert named - {"refill-link"} == doors


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_open_to_its_owner_at_both_doors(shop: Shop, page: str) -> None:
    token = refill_links.token(Purpose.ALL, shop.ada.reference)

    for person, door in (("stranger", f"/r/{token}"), ("eve", f"/r/{token}"), ("ada", "/account/refills")):
        answer = shop.people[person].get(shop.address(door, page, shop.ada))
        assert answer.status_code in {200, 302}, (person, page)
        assert "/login" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shut_to_everybody_else_and_nothing_changes(shop: Shop, page: str) -> None:
    own = refill_links.token(Purpose.ALL, shop.eve.reference)
    narrow = refill_links.token(Purpose.SKIP, shop.ada.reference)
    before = everything()
    is_named = "{" in page
    tried = [
        ("stranger", "/account/refills", {302}),
        ("stranger", f"/r/{own}", {404} if is_named else {200, 302, 405}),
        ("eve", "/account/refills", {404} if is_named else {200, 302, 405}),
        ("eve", f"/r/{own}", {404} if is_named else {200, 302, 405}),
        ("staff", "/account/refills", {404} if is_named else {200, 302, 405}),
        ("stranger", "/r/forged-by-eve", {404}),
        ("eve", "/r/forged-by-eve", {404}),
        ("stranger", f"/r/{narrow}", {404}),
    ]

    for person, door, allowed in tried:
        client, address = shop.people[person], shop.address(door, page, shop.ada)
        for answer in (client.get(address), client.post(address, FORM)):
            assert answer.status_code in allowed, (person, door, page)
            assert shop.ada.reference not in answer.content.decode().replace(address, "")
        if person == "stranger" and door == "/account/refills":
            assert "/account/login" in client.get(address)["Location"]
    assert everything() == before


def test_a_guest_s_link_opens_what_an_account_has_claimed_since(shop: Shop) -> None:
    token = refill_links.token(Purpose.ALL, shop.ada.reference)
    customer = shop.ada.customer
    customer.user = shop.eve.customer.user
    customer.save(update_fields=["user"])

    assert shop.people["stranger"].get(f"/r/{token}/{shop.ada.reference}/cancel").status_code == 200
    assert shop.people["eve"].get(f"/account/refills/{shop.ada.reference}/cancel").status_code == 200
    assert shop.people["ada"].get(f"/account/refills/{shop.ada.reference}/cancel").status_code == 404


def test_who_has_none_is_told_what_they_are(shop: Shop) -> None:
    page = shop.people["staff"].get("/account/refills").content.decode()

    assert "Nothing comes by itself yet" in page
    assert "A refill is something that you use up" in page


def test_who_is_signed_in_needs_no_link(shop: Shop) -> None:
    assert shop.people["ada"].get("/refills")["Location"] == "/account/refills"
    assert shop.people["stranger"].get("/refills").status_code == 200
    home = shop.people["ada"].get("/account").content.decode()
    assert 'href="/account/refills"' in home


def test_a_product_s_page_leads_to_the_next_refill_with_it(shop: Shop) -> None:
    client, oil = shop.people["ada"], make_oil()

    page = client.get(f"/products/{oil.product.slug}").content.decode()
    assert f'href="/account/refills/add?sku={oil.sku}"' in page
    found = client.get(f"/account/refills/add?sku={oil.sku}", follow=True)

    assert found.redirect_chain == [(f"/account/refills/{shop.ada.reference}/add?sku={oil.sku}", 302)]
    assert f'<option value="{oil.sku}" selected>' in found.content.decode()
    assert "Add it once" not in shop.people["stranger"].get(f"/products/{oil.product.slug}").content.decode()
