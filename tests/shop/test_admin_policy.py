"""Who may do what in the office: a table written by hand, each cell sent as a real request.

A page, or a button, that has no row fails: whoever adds one decides here whose it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from shop.accounts import roles
from shop.accounts.models import User
from shop.admin import site

ROLES = ("warehouse", "support", "editor", "manager", "superuser")
OUTSIDERS = ("anonymous", "customer")

# v: see the list and the record, a: add, c: change (and save), d: delete. "" sees nothing at all.
# Columns: warehouse, support, editor, manager, superuser.
PAGES: dict[str, tuple[str, str, str, str, str]] = {
    "accounts.RefundLimit": ("", "", "", "vacd", "vacd"),
    "accounts.User": ("", "v", "", "vac", "vacd"),
    "auth.Group": ("", "", "", "v", "vacd"),
    "catalog.Category": ("v", "v", "vc", "vacd", "vacd"),
    "catalog.ImportJob": ("va", "", "", "va", "va"),
    "catalog.Lot": ("va", "v", "", "va", "va"),
    "catalog.Price": ("v", "v", "v", "vac", "vac"),
    "catalog.Product": ("v", "v", "vc", "vac", "vac"),
    "catalog.RawLot": ("vac", "", "", "vacd", "vacd"),
    "catalog.StockLevel": ("v", "v", "", "v", "v"),
    "catalog.StockMovement": ("va", "", "", "va", "va"),
    "catalog.StockReservation": ("v", "", "", "v", "v"),
    "catalog.StockRequest": ("", "v", "", "v", "v"),
    "catalog.Variant": ("v", "v", "v", "vac", "vac"),
    "content.Article": ("", "", "vac", "vac", "vac"),
    "content.ClaimOverride": ("", "", "v", "v", "v"),
    "content.Citation": ("", "", "vac", "vacd", "vacd"),
    "content.FormerSlug": ("", "", "v", "v", "v"),
    "content.Reviewer": ("", "", "vac", "vacd", "vacd"),
    "content.Topic": ("", "", "vac", "vacd", "vacd"),
    "history.Change": ("", "", "", "v", "v"),
    "mail.OutboxMessage": ("", "v", "", "v", "v"),
    "mail.SuppressedAddress": ("", "va", "", "va", "va"),
    "orders.BulkChange": ("", "v", "", "v", "v"),
    "orders.BulkChangeRow": ("", "v", "", "v", "v"),
    "orders.Cart": ("", "v", "", "v", "v"),
    "orders.Consent": ("", "v", "", "v", "v"),
    "orders.Customer": ("", "v", "", "v", "v"),
    "orders.Discount": ("", "v", "", "vac", "vac"),
    "orders.DiscountCode": ("", "v", "", "vac", "vac"),
    "orders.Dispute": ("", "v", "", "v", "v"),
    "orders.FraudWarning": ("", "v", "", "v", "v"),
    "orders.Invoice": ("", "v", "", "v", "v"),
    "orders.InvoiceSeries": ("", "", "", "v", "v"),
    "orders.Order": ("v", "v", "", "v", "v"),
    "orders.OrderDiscount": ("", "v", "", "v", "v"),
    "orders.Payment": ("", "v", "", "v", "v"),
    "orders.PaymentAttempt": ("", "", "", "v", "v"),
    "orders.Payout": ("", "", "", "v", "v"),
    "orders.PriceRise": ("", "v", "", "v", "v"),
    "orders.RecallNotice": ("v", "v", "", "v", "v"),
    "orders.ReconciliationDifference": ("", "", "", "v", "v"),
    "orders.ReconciliationRun": ("", "", "", "v", "v"),
    "orders.Refill": ("", "v", "", "v", "v"),
    "orders.RefillBreaker": ("", "", "", "v", "v"),
    "orders.RefillExtra": ("", "v", "", "v", "v"),
    "orders.Return": ("v", "v", "", "v", "v"),
    "orders.SavedCard": ("", "v", "", "v", "v"),
    "orders.SellerIdentity": ("", "", "", "vacd", "vacd"),
    "orders.Shipment": ("v", "v", "", "v", "v"),
    "orders.ShippingMethod": ("", "v", "", "vacd", "vacd"),
    "orders.ShippingRate": ("", "v", "", "vcd", "vcd"),
    "orders.ShippingZone": ("", "v", "", "vacd", "vacd"),
    "orders.StripeRefund": ("", "v", "", "v", "v"),
    "orders.Subscription": ("", "v", "", "v", "v"),
    "orders.TaxRate": ("", "v", "", "vacd", "vacd"),
    "orders.WebhookEvent": ("", "", "", "v", "v"),
    "privacy.Erasure": ("", "v", "", "v", "v"),
    "orders.Withdrawal": ("", "v", "", "v", "v"),
}

_W, _S, _E, _M = "warehouse", "support", "editor", "manager"
_EVERYONE = frozenset({_W, _S, _E, _M})


def _each(names: Iterable[str], may: Iterable[str]) -> dict[str, frozenset[str]]:
    """Several buttons that the same people may press."""
    return {name: frozenset(may) for name in names}


_EXPORT = {"export_selected", "export_csv", "export_xlsx"}

# Every button: on a list (also for chosen rows) or on a record. Superusers may press all of them.
BUTTONS: Mapping[str, Mapping[str, AbstractSet[str]]] = {
    "catalog.ImportJob": {"apply_import": {_W, _M}, "download_file": {_W, _M}},
    "catalog.Lot": {
        **_each(_EXPORT, {_W, _S, _M}),
        **_each(
            (
                "release_lots",
                "quarantine_lots",
                "import_file",
                "release",
                "count_lot",
                "take_out",
                "quarantine",
            ),
            {_W, _M},
        ),
    },
    "catalog.Price": {
        **_each({*_EXPORT, "all_prices"}, _EVERYONE),
        "import_file": {_M},
        "withdraw_price": {_M},
    },
    "catalog.Product": {**_each(_EXPORT, _EVERYONE), "import_file": {_M}},
    "catalog.Variant": {**_each({*_EXPORT, "prices"}, _EVERYONE), "import_file": {_M}},
    "catalog.StockLevel": {
        **_each(_EXPORT, {_W, _S, _M}),
        **_each(("stocktake", "receive", "import_file", "count_sku", "receive_sku"), {_W, _M}),
    },
    "catalog.StockRequest": {"stop": {_S, _M}},
    "catalog.StockReservation": {"find_stock_for": {_W, _M}, "find_stock": {_W, _M}},
    "content.Article": {
        **_each(
            (
                "submit",
                "sign_off",
                "approve",
                "publish",
                "schedule",
                "send_back",
                "archive",
                "reopen",
                "restore",
                "compare",
            ),
            {_E, _M},
        ),
        "override": {_M},
    },
    "mail.OutboxMessage": {"send_now": {_S, _M}, "resend": {_S, _M}, "previews": _EVERYONE},
    "mail.SuppressedAddress": {"lift": {_S, _M}},
    "orders.Discount": {"generate": {_M}, "download_codes": {_M}},
    "orders.Order": {
        "pack_order": {_W, _M},
        "invoice": {_S, _M},
        "packing_slip": {_W, _S, _M},
        "open_return": {_S, _M},
        "ask_stripe": {_W, _S, _M},
        **_each(
            ("change_address", "remove_pieces", "finish_review", "send_confirmation", "cancel_order"),
            {_S, _M},
        ),
        "refund_part": {_S, _M},
        "refund_rest": {_S, _M},
    },
    "orders.Invoice": {"download": {_S, _M}},
    "orders.Payout": {"download_csv": {_M}, "read_again": {_M}},
    "orders.Shipment": {
        **_each(
            ("dispatch", "correct_label", "deliver", "lose", "bring_back", "unpack", "send_again"), {_W, _M}
        ),
        "slip": {_W, _S, _M},
        "print_slips": {_W, _S, _M},
    },
    "orders.Return": {
        **_each(("inspect", "cancel_return", "close_unpaid"), {_W, _S, _M}),
        "pay_back": {_S, _M},
    },
    "orders.Withdrawal": _each(("match_order", "close", "cancel_order", "open_return"), {_S, _M}),
    "orders.RefillBreaker": _each(("go_on",), {_M}),
    "orders.BulkChange": _each(("say_what", "say_yes", "look_again", "stop_it"), {_S, _M}),
    "orders.Subscription": {
        **_each(
            (
                "bulk_pause",
                "bulk_resume",
                "bulk_skip",
                "bulk_shift",
                "bulk_swap",
                "bulk_cancel",
                "skip_next",
                "unskip",
                "shift",
                "rhythm",
                "quantity",
                "swap",
                "pause_until",
                "resume_now",
                "card_link",
                "elsewhere",
                "send_now",
                "cancel_it",
            ),
            {_S, _M},
        ),
        "bulk_reprice": {_M},
    },
    "orders.WebhookEvent": {"work_off_again": {_M}},
}

# Pages of their own beside those of a record.
OWN_PAGES: Mapping[str, AbstractSet[str]] = {
    "admin:index": _EVERYONE,
    "admin:recall": {_W, _S, _M},
    "admin:mail_preview": _EVERYONE,
    "admin:warehouse_to_pick": {_W, _S, _M},
    "admin:warehouse_dispatch": {_W, _S, _M},
    "admin:warehouse_tracking": {_W, _M},
    "refill-figures": {_S, _M},
    "refill-demand": {_W, _S, _M},
}

NOWHERE = 999_999_999
pytestmark = pytest.mark.django_db


@pytest.fixture
def clients(db: None) -> dict[str, Client]:
    """One signed-in client for each kind of person; the roles as migrations make them."""
    roles.write_permissions()
    found = {"anonymous": Client()}
    for name in ("customer", *ROLES):
        user = User.objects.create_user(f"{name}@shop.example", is_staff=name in ROLES)
        user.is_superuser = name == "superuser"
        user.save()
        if name in roles.ROLES:
            user.groups.add(Group.objects.get(name=name))
        found[name] = Client()
        found[name].force_login(user)
    return found


def test_every_page_and_every_button_has_a_row() -> None:
    pages = {model._meta.label for model in site._registry}
    assert pages == set(PAGES)
    buttons = {model._meta.label: set(_buttons(page)) for model, page in site._registry.items()}
    assert {label: names for label, names in buttons.items() if names} == {
        label: set(row) for label, row in BUTTONS.items()
    }


def test_the_probe_tells_open_from_shut(clients: dict[str, Client]) -> None:
    url = reverse("admin:orders_payment_changelist")

    assert {name: is_open(client, url) for name, client in clients.items()} == {
        "anonymous": False,
        "customer": False,
        "warehouse": False,
        "support": True,
        "editor": False,
        "manager": True,
        "superuser": True,
    }


@pytest.mark.parametrize("label", sorted(PAGES))
def test_who_may_see_add_change_and_delete(clients: dict[str, Client], label: str) -> None:
    cells = {
        (person, kind): is_open(clients[person], url)
        for person in (*OUTSIDERS, *ROLES)
        for kind, url in urls_of(label)
    }

    wanted = {(person, kind): False for person in OUTSIDERS for kind in "lvacd"}
    for person, letters in zip(ROLES, PAGES[label], strict=True):
        sees = "v" in letters
        wanted |= {(person, kind): kind in letters or (kind in "lvc" and sees) for kind in "lvad"}
        wanted[person, "c"] = "c" in letters
    assert {cell: said for cell, said in cells.items() if said != wanted[cell]} == {}


@pytest.mark.parametrize("label", sorted(BUTTONS))
def test_who_may_press_which_button(clients: dict[str, Client], label: str) -> None:
    page = next(page for model, page in site._registry.items() if model._meta.label == label)
    wrong = {}
    for name, may in BUTTONS[label].items():
        for person in (*OUTSIDERS, *ROLES):
            said = can_press(clients[person], page, name)
            if said != (person in may or person == "superuser"):
                wrong[name, person] = said

    assert wrong == {}


@pytest.mark.parametrize("name", sorted(OWN_PAGES))
def test_who_may_open_the_other_pages(clients: dict[str, Client], name: str) -> None:
    url = reverse(name, args=["none"] if name == "admin:mail_preview" else [])

    opened = {person for person in (*OUTSIDERS, *ROLES) if is_open(clients[person], url)}

    assert opened == {*OWN_PAGES[name], "superuser"}


def test_the_sidebar_shows_what_one_may_open(clients: dict[str, Client]) -> None:
    for person, column in zip(ROLES, zip(*PAGES.values(), strict=True), strict=True):
        page = clients[person].get(reverse("admin:index")).content.decode()
        for label, letters in zip(PAGES, column, strict=True):
            link = f'href="{reverse(_name(label, "changelist"))}"'
            if not letters:
                assert link not in page, (person, label)


def urls_of(label: str) -> Iterator[tuple[str, str]]:
    """The list, a record, adding, changing (POST) and deleting: a record that is not there is refused alike."""
    yield "l", reverse(_name(label, "changelist"))
    yield "v", reverse(_name(label, "change"), args=[NOWHERE])
    yield "a", reverse(_name(label, "add"))
    yield "c", "POST " + reverse(_name(label, "change"), args=[NOWHERE])
    yield "d", reverse(_name(label, "delete"), args=[NOWHERE])


def is_open(client: Client, url: str) -> bool:
    """Whether a request got past the guards. To the login is shut; back to the start (not there) is open."""
    path = url.removeprefix("POST ")
    return _let_in(client.get(path) if path == url else client.post(path, {}))


def can_press(client: Client, page: Any, name: str) -> bool:
    """Whether a button's address, or its action on chosen rows, lets this person through."""
    if name in {str(action) for action in page.actions or ()}:
        return _offers(client, page, name)
    meta = page.opts
    args = [NOWHERE] if name in _detail_names(page) else []
    answer = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=args))
    return _let_in(answer)


def _offers(client: Client, page: Any, name: str) -> bool:
    """An action on chosen rows has no address of its own: Django runs what it offers, and nothing else."""
    answer = client.get(reverse(_name(page.opts.label, "changelist")))
    if not _let_in(answer):
        return False
    return name in page.get_actions(answer.wsgi_request)


def _let_in(answer: Any) -> bool:
    if answer.status_code in {301, 302}:
        return not answer["Location"].startswith(("/account/login", "/admin/login"))
    return answer.status_code not in {401, 403}


def _buttons(page: Any) -> Iterator[str]:
    yield from (str(action) for action in page.actions or ())
    for kind in ("actions_list", "actions_detail", "actions_row", "actions_submit_line"):
        yield from _names(getattr(page, kind, ()) or ())


def _detail_names(page: Any) -> set[str]:
    return set(_names(page.actions_detail or ())) | set(_names(getattr(page, "actions_row", ()) or ()))


def _names(entries: Any) -> Iterator[str]:
    for entry in entries:
        yield from entry["items"] if isinstance(entry, dict) else [entry]


def _name(label: str, kind: str) -> str:
    return f"admin:{label.lower().replace('.', '_')}_{kind}"
