"""Forgetting an account: refills at once, the rest when the last order has closed, invoices when the law lets go."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import DatabaseError, transaction
from django.test import Client

from orders.models import Cart, Customer, Invoice, Order, SavedCard, Subscription
from orders.stripe_reads import customer_exists
from shop.accounts import registration
from shop.accounts.models import Address, User
from shop.clock import reading
from shop.mail import delivery
from shop.mail.models import OutboxMessage
from shop.privacy import erasure, retention
from shop.privacy.models import Erasure
from tests.factories.catalog import make_variant
from tests.strangers import App
from tests.till import ADDRESS, Till

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"
SECRETS = (EMAIL, ADDRESS["name"], ADDRESS["line1"])

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(till: Till) -> User:
    user = User.objects.create_user(EMAIL, PASSWORD, name="Ada Buyer")
    registration.vouch_for(user, at=reading.now())
    Address.objects.create(user=user, is_default=True, **ADDRESS)
    till.client.force_login(user)
    make_variant(sku="FLK", stock=50)
    return user


@pytest.fixture
def app(ada: User) -> App:
    found = App()
    found.sign_in(EMAIL, PASSWORD)
    return found


def close(order: Order) -> None:
    """As the warehouse would, as far as an erasure looks."""
    Order.objects.filter(pk=order.pk).update(fulfilment_status="fulfilled")


def test_the_export_holds_everything_and_no_key(app: App, till: Till) -> None:
    till.bought(("FLK", 2, {"unit": "week", "count": 4}))
    till.cart(("FLK", 1))

    found = app.get("me/export")

    body = found.json()
    [order] = body["orders"]
    assert found["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert (body["format"], body["account"]["email"]) == ("stillwater-export-1", EMAIL)
    assert [len(order[part]) for part in ("lines", "payments", "invoices")] == [1, 1, 1]
    assert order["shipping_address"]["line1"] == ADDRESS["line1"]
    assert {row["kind"] for row in body["consents"]} == {"terms", "refill"}
    assert all(row["text"] and row["given_at"] for row in body["consents"])
    assert [len(body[part]) for part in ("addresses", "subscriptions", "cards", "customers")] == [1, 1, 1, 1]
    assert [row["last4"] for row in body["cards"]] == ["4242"]
    assert "order_confirmation" in {row["kind"] for row in body["mails"]}
    raw = found.content.decode()
    for secret in ("4242424242424242", User.objects.get().password, Cart.objects.last().token, app.token):
        assert secret not in raw


def test_nobody_else_is_in_an_export(app: App, till: Till) -> None:
    stranger = Till(till.stripe, till.at)
    stranger.order(("FLK", 1), email="bob@buyer.example")

    found = app.get("me/export").json()

    assert found["orders"] == []
    assert "bob@buyer.example" not in str(found)


def test_asking_ends_refills_and_sessions_at_once(app: App, till: Till, ada: User) -> None:
    till.bought(("FLK", 2, {"unit": "week", "count": 4}))

    answer = app.send("DELETE", "me", {"password": PASSWORD})

    assert answer.status_code == 202
    assert answer.json()["waits_for"].startswith("order ")
    assert Subscription.objects.get().status == "cancelled"
    assert app.get("me").status_code == 401
    assert till.send("GET", "me").status_code == 401
    assert not UserSession.objects.exists()
    assert App().sign_in(EMAIL, PASSWORD).status_code in {400, 401}
    assert list(OutboxMessage.objects.filter(kind="erasure_received").values_list("to", flat=True)) == [EMAIL]
    ada.refresh_from_db()
    assert ada.email == EMAIL, "its order has yet to arrive"


def test_a_wrong_password_ends_nothing(app: App) -> None:
    for body in ({"password": "wrong"}, {}, {"password": ""}, {"password": PASSWORD, "user": 1}):
        assert app.send("DELETE", "me", body).status_code == 400

    assert not Erasure.objects.exists()
    assert app.get("me").status_code == 200


def test_it_is_done_when_the_last_order_has_closed(app: App, till: Till, ada: User) -> None:
    order = till.bought(("FLK", 2, {"unit": "week", "count": 4}))
    stripe_id = Customer.objects.get().stripe_customer_id or ""
    till.cart(("FLK", 1))
    app.send("DELETE", "me", {"password": PASSWORD})
    assert erasure.carry_out_due(at=reading.now()) == 0
    assert Erasure.objects.get().waits_for == f"order {order.reference}"
    close(order)
    delivery.deliver_due(at=reading.now())

    assert erasure.carry_out_due(at=reading.now()) == 1
    assert erasure.carry_out_due(at=reading.now()) == 0

    ada.refresh_from_db()
    assert (ada.email, ada.name, ada.is_active) == (erasure.nobody(ada.pk), "", False)
    assert not ada.has_usable_password()
    assert not Address.objects.exists()
    assert not Cart.objects.filter(order__isnull=True).exists()
    assert not SavedCard.objects.filter(removed_at__isnull=True).exists()
    assert not customer_exists(stripe_id)
    [last] = OutboxMessage.objects.filter(to=EMAIL)
    assert last.kind == "erasure_done"
    row = Erasure.objects.get()
    assert (row.status, row.email, row.waits_for) == ("done", "", "")
    # What the law wants is still there, and only there.
    order.refresh_from_db()
    assert order.email == EMAIL
    assert Invoice.objects.get().buyer["billing"][0] == ADDRESS["name"]
    assert_gone_from(Customer, Subscription, Cart, User, Address, Erasure)


def test_an_order_that_was_never_paid_is_blanked_at_once(app: App, till: Till) -> None:
    till.order(("FLK", 1))
    Order.objects.update(status="expired")
    app.send("DELETE", "me", {"password": PASSWORD})

    assert erasure.carry_out_due(at=reading.now()) == 1

    assert_gone_from(Order, Customer, Cart, User)


def test_an_erasure_waits_while_stripe_does_not_answer(
    app: App, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(till.bought(("FLK", 1, {"unit": "week", "count": 4})))
    app.send("DELETE", "me", {"password": PASSWORD})

    def silent(*args: Any, **kwargs: Any) -> None:
        raise erasure.stripe_gateway.OutcomeUnknown("silence")

    monkeypatch.setattr(erasure.stripe_gateway, "delete_customer", silent)
    assert erasure.carry_out_due(at=reading.now()) == 0
    assert Erasure.objects.get().waits_for == "an answer of Stripe"
    monkeypatch.undo()
    assert User.objects.get().email == EMAIL


def test_invoices_let_go_of_their_buyer_when_the_law_does(till: Till, ada: User) -> None:
    order = till.bought(("FLK", 1))
    last_day = reading.now().replace(month=12, day=31, year=order.placed_at.year + 6)

    assert retention.sweep(at=last_day)["orders"] == 0
    assert retention.sweep(at=last_day + timedelta(days=2))["orders"] == 1

    invoice, before = Invoice.objects.get(), order.invoices.get()
    assert (invoice.buyer, invoice.gross) == ({"billing": [], "shipping": []}, before.gross)
    assert_gone_from(Order, Invoice)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Invoice.objects.update(buyer={"billing": ["Eve"], "shipping": []})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Invoice.objects.update(gross=1)


def test_what_nobody_needs_is_let_go(till: Till, settings: Any) -> None:
    make_variant(sku="FLK", stock=50)
    till.bought(("FLK", 1))
    kept = till.cart(("FLK", 1))
    Cart.objects.filter(token=kept).update(updated_at=reading.now() - timedelta(days=89))
    gone = till.cart(("FLK", 1))
    Cart.objects.filter(token=gone).update(updated_at=reading.now() - timedelta(days=91))

    done = retention.sweep(at=reading.now())

    assert done["carts"] == 1
    assert set(Cart.objects.filter(order__isnull=True).values_list("token", flat=True)) == {kept}
    later = retention.sweep(at=reading.now() + timedelta(days=731))
    assert later["webhook payloads"] > 0
    assert later["addresses of visitors"] > 0
    assert not OutboxMessage.objects.exclude(status="pending").exclude(text="").exists()
    assert Order.objects.get().email == EMAIL, "orders have years of their own"
    assert retention.sweep(at=reading.now() + timedelta(days=731)) == dict.fromkeys(later, 0)


def test_staff_are_not_forgotten_by_themselves(client: Client) -> None:
    client.force_login(User.objects.create_user("wim@shop.example", PASSWORD, is_staff=True))

    answer = client.delete("/api/v1/me", {"password": PASSWORD}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (409, "staff_account")
    assert not Erasure.objects.exists()


def test_the_page_gives_the_copy_and_ends_the_account(till: Till, ada: User) -> None:
    browser = till.client
    page = browser.get("/account/privacy").content.decode()
    assert "Download my data" in page
    assert browser.get("/account/privacy/my-data.json").json()["account"]["email"] == EMAIL

    refused = browser.post("/account/privacy/forget", {"password": "wrong"})
    assert (refused.status_code, "not your password" in refused.content.decode()) == (422, True)
    done = browser.post("/account/privacy/forget", {"password": PASSWORD})

    assert (done.status_code, Erasure.objects.count()) == (302, 1)
    assert browser.get("/account").status_code == 302


def assert_gone_from(*models: Any) -> None:
    """Nothing of the person is left in these tables."""
    for model in models:
        for row in model.objects.values():
            for secret in SECRETS:
                assert secret not in str(row), (model, secret)
