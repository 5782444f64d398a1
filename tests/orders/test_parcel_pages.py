"""A parcel's own page and its buttons, and what its customer sees."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from orders import links, shipments
from orders.models import Shipment
from shop.accounts.models import User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.factories.parcels import make_allocated_order, pack, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@shop.example", "pw"))
    return client


def press(desk: Client, parcel: Shipment, button: str, **typed: str) -> str:
    address = reverse(f"admin:orders_shipment_{button}", args=[parcel.pk])
    return desk.post(address, typed, follow=True).content.decode()


def test_a_parcel_is_dispatched_lost_and_sent_again_by_its_buttons(desk: Client) -> None:
    parcel = pack(make_allocated_order(variant=make_variant(stock=9)))

    wrong = press(desk, parcel, "dispatch", carrier="Royal Mail", tracking_number="=1+1")
    press(desk, parcel, "dispatch", carrier="Royal Mail", tracking_number="AB 123 GB")
    press(desk, parcel, "lose", reason="never seen again")
    again = reverse("admin:warehouse_pack_again", args=[parcel.pk])
    filled = desk.post(again, {"action": "fill"}).content.decode()
    field = next(part for part in filled.split('"') if part.startswith("take_"))
    desk.post(again, {field: "2", "action": "pack"})

    assert "4 to 40 letters, digits and hyphens" in wrong
    parcel.refresh_from_db()
    assert (parcel.status, parcel.tracking_number) == ("lost", "AB123GB")
    replacement = Shipment.objects.get(replaces=parcel)
    assert (replacement.status, replacement.packed_by.email) == ("packed", "boss@shop.example")  # type: ignore[union-attr]
    assert (
        parcel.order.events.get(kind="parcel_lost").message
        == f"Parcel {parcel.reference} is lost: never seen again."
    )


def test_buttons_are_there_only_while_their_verbs_could_succeed(desk: Client) -> None:
    parcel = pack(make_allocated_order())
    page = reverse("admin:orders_shipment_change", args=[parcel.pk])

    packed = desk.get(page).content.decode()
    shipments.dispatch(parcel, shipments.Label(), actor=None, at=AT)
    gone = desk.get(page).content.decode()
    press(desk, parcel, "unpack", reason="too late")

    assert ("/unpack" in packed, "/lose" in packed) == (True, False)
    assert ("/unpack" in gone, "/lose" in gone) == (False, True)
    parcel.refresh_from_db()
    assert parcel.status == "dispatched"


def test_a_corrected_label_sends_no_second_mail(desk: Client) -> None:
    parcel = send(make_allocated_order(), number="WRONG1")
    other = send(make_allocated_order(), number="TAKEN1")

    taken = press(desk, parcel, "correct_label", carrier="Royal Mail", tracking_number="TAKEN1")
    press(desk, parcel, "correct_label", carrier="Royal Mail", tracking_number="RIGHT1")

    parcel.refresh_from_db()
    assert f"Parcel {other.reference} has it." in taken
    assert parcel.tracking_url.endswith("/RIGHT1")
    assert OutboxMessage.objects.filter(kind="shipped").count() == 2


def test_an_address_to_follow_a_parcel_is_https_only() -> None:
    with pytest.raises(shipments.LabelRefused):
        shipments.label_of(carrier="X", tracking_number="AAAA", tracking_url="javascript:alert(1)")


def test_who_may_only_look_presses_nothing() -> None:
    looker = User.objects.create_user("looker@shop.example", "pw", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_shipment"))
    client = Client()
    client.force_login(looker)
    parcel = pack(make_allocated_order())

    answers = [
        client.post(reverse(f"admin:orders_shipment_{button}", args=[parcel.pk]), {"reason": "-"}).status_code
        for button in ("dispatch", "unpack", "lose", "deliver", "bring_back", "correct_label", "send_again")
    ]

    assert answers == [403] * 7
    parcel.refresh_from_db()
    assert parcel.status == "packed"


def test_the_holder_sees_parcels_on_the_page_and_in_the_api(client: Client) -> None:
    order = make_allocated_order(variant=make_variant(stock=9))
    opened = pack(order)
    shipments.unpack(opened, reason="wrong box", actor=None, at=AT)
    parcel = send(order, number="AB123456GB")
    token = links.order_token(order)

    page = client.get(f"/o/{token}").content.decode()
    answer = client.get(
        f"/api/v1/orders/{order.reference}", headers={"Authorization": f"OrderToken {token}"}
    ).json()

    assert "Your order is on its way" in page
    assert "https://www.royalmail.com/track-your-item#/tracking-results/AB123456GB" in page
    assert order.lines.get().variant.lots.get().code in page
    assert answer["shipments"] == [
        {
            "reference": parcel.reference, "status": "dispatched", "carrier": "Royal Mail",
            "tracking_number": "AB123456GB",
            "tracking_url": "https://www.royalmail.com/track-your-item#/tracking-results/AB123456GB",
            "dispatched_at": "2026-11-23T09:00:00Z",
        }
    ]  # fmt: skip
    assert opened.reference not in page


def test_the_orders_page_shows_its_parcels_and_offers_what_is_left(desk: Client) -> None:
    order = make_allocated_order(units=2, variant=make_variant(stock=9))
    page = reverse("admin:orders_order_change", args=[order.pk])

    before = desk.get(page).content.decode()
    parcel = send(order)
    after = desk.get(page).content.decode()

    assert ("/pack_order" in before, "/remove_pieces" in before) == (True, True)
    assert ("/pack_order" in after, "/remove_pieces" in after) == (False, False)
    assert parcel.reference in after
