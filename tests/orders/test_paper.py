"""Sheets of paper: the same record gives the same bytes, and no name can break or steer them."""

import hashlib
import json
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from orders import invoices, links, paper
from orders.models import Invoice, Order
from orders.paper import packing_slip, typesetting
from shop.accounts.models import User
from tests.factories.catalog import AT, make_bundle, make_oil, make_variant, put_in_stock
from tests.factories.orders import HOME, make_paid_order, make_refund
from tests.factories.parcels import make_allocated_order, pack

pytestmark = pytest.mark.django_db

HOSTILE = (
    "#panic(\"x\")", "]) #eval(\"1\")", "*bold* _it_ `raw` $x$ @ref <label> // gone /* gone", "\\u{41}\\", "= Head",
    "a\x00b\x07c\x1b[31m", "line\nbreak\r\nbreak\u2028break", "\u202egnp.exe\u202c", "אבגד العربية", "🙂👩‍👩‍👧", "日本語",
    "e" + "\u0301" * 150, "W" * 200, "\ud800", "\ue000\U0010ffff", "", "#import \"@preview/x:1.0.0\"",
)  # fmt: skip


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The words of every sheet that is set, as the layout gets them."""
    seen: list[dict[str, Any]] = []
    real = typesetting._compile

    def spy(layout: str, words: str, *rest: Any) -> bytes:
        seen.append(json.loads(words))
        return real(layout, words, *rest)

    monkeypatch.setattr(typesetting, "_compile", spy)
    return seen


def issued(order: Order) -> Invoice:
    with transaction.atomic():
        return invoices.issue_invoice(Order.objects.get(pk=order.pk), at=AT)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_breaks_a_sheet_or_becomes_markup(text: str, regions: None, sheets: list[Any]) -> None:
    invoice = issued(make_paid_order())
    invoice.buyer = {**invoice.buyer, "billing": [text, "12 Lane"]}

    made = paper.invoice_pdf(invoice)

    assert made.startswith(b"%PDF-")
    printed = sheets[0]["parties"][0]["lines"][0].replace("\u200b", "")
    assert printed == typesetting.printable(text).replace("\u200b", "")
    assert not set(printed) & {chr(code) for code in [*range(32), 127, 0x202E, 0x2028]}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("#panic(\"x\")", "#panic(\"x\")"),
        ("Ada\x00\x07 Byron", "Ada Byron"),
        ("\u202eevil\u202c", "evil"),
        ("one\ntwo\u2028three", "one two three"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("W" * 25, "W" * 10 + "\u200b" + "W" * 10 + "\u200b" + "W" * 5),
        ("Zoë Müller-Łukasz", "Zoë Müller-Łukasz"),
    ],
)  # fmt: skip
def test_text_is_cleaned_and_not_rewritten(text: str, printed: str) -> None:
    assert typesetting.printable(text) == printed


def test_the_same_invoice_is_the_same_file_however_often_it_is_asked_for(regions: None) -> None:
    order = make_paid_order()
    issued(order)

    first, second = (paper.invoice_pdf(Invoice.objects.get()) for _ in range(2))

    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert b"pdfaid:part" in first, "kept for years as PDF/A-2"


def test_the_sheet_of_issued_invoices_is_not_edited() -> None:
    """Documents that went out keep their look: a changed one is a new layout with a number of its own."""
    layouts = typesetting._LAYOUTS
    digest = hashlib.sha256(b"".join((layouts / name).read_bytes() for name in ("invoice_1.typ", "page.typ")))

    assert digest.hexdigest() == "a12dea35cdcdb2e1e5b579ad420f89930a500d3bc78a85395471260d0c4b289f"


def test_an_invoice_says_who_sold_what_to_whom(regions: None, sheets: list[Any]) -> None:
    order = make_paid_order(shipping_address={**HOME, "name": "Neighbour"})

    paper.invoice_pdf(issued(order))

    sheet = sheets[0]
    assert ["Number", "TEST-GB-2026-000001"] in sheet["facts"]
    assert [party["title"] for party in sheet["parties"]] == ["Billed to", "Delivered to", "Seller"]
    assert "VAT no. GB000000000" in sheet["parties"][2]["lines"]
    assert sheet["taxes"] == [["VAT 20 %", "£24.13", "£4.82", "£28.95"]]
    assert sheet["total"] == ["Total", "£28.95"]
    assert sheet["banner"].startswith("Test order")
    assert sheet["paper"] == "a4"


def test_american_prices_are_shown_before_tax_on_letter_paper(regions: None, sheets: list[Any]) -> None:
    order = make_paid_order(
        currency="USD", country="US", shipping_zone="US-48", tax_included=False, tax_total=482, is_test=False,
        total=2500 + 395 + 482,
    )  # fmt: skip

    paper.invoice_pdf(issued(order))

    sheet = sheets[0]
    assert sheet["columns"][-1] == "Amount before tax"
    assert [row["cells"][-1] for row in sheet["rows"]] == ["US$20.84", "US$3.95"]
    assert (sheet["paper"], sheet["banner"]) == ("us-letter", "")


def test_a_credit_note_names_its_invoice(regions: None, sheets: list[Any]) -> None:
    order = make_paid_order()
    invoice = issued(order)
    with transaction.atomic():
        note = invoices.issue_credit_note(make_refund(order, amount=500), at=AT)
    assert note is not None

    paper.invoice_pdf(note)

    assert ["For invoice", f"{invoice.code} of 23 November 2026"] in sheets[0]["facts"]
    assert sheets[0]["total"] == ["Paid back", "£5.00"]


def test_a_cancellation_names_the_credit_note_that_no_longer_holds(regions: None, sheets: list[Any]) -> None:
    order = make_paid_order()
    invoice = issued(order)
    refund = make_refund(order, amount=500)
    with transaction.atomic():
        note = invoices.issue_credit_note(refund, at=AT)
        undone = invoices.cancel_credit_note(refund, at=AT)
    assert note is not None
    assert undone is not None

    paper.invoice_pdf(undone)

    sheet = json.loads(json.dumps(sheets[0]).replace("\\u200b", ""))
    assert sheet["title"] == f"Cancellation of credit note {undone.code}"
    assert ["For invoice", f"{invoice.code} of 23 November 2026"] in sheet["facts"]
    assert ["Cancels credit note", f"{note.code} of 23 November 2026"] in sheet["facts"]
    assert sheet["total"] == ["Not paid back", "£5.00"]
    assert f"credit note {note.code} no longer holds" in sheet["remarks"][0]


def test_a_packing_slip_tells_what_is_inside_and_how_to_use_it(sheets: list[Any]) -> None:
    flakes, oil = make_variant(sku="FLK"), make_oil(sku="OIL")
    flakes.product.directions = {"foot": ["Stir the flakes in."], "bath": ["Fill the tub."]}
    flakes.product.save()
    bundle = make_bundle([(flakes, 2), (oil, 1)], sku="SET")
    order = make_paid_order(variant=bundle, units=1)
    (line,) = order.lines.all()
    line.components.all().delete()
    for part in bundle.components.all():
        line.components.create(
            variant=part.variant, sku=part.variant.sku, quantity=part.quantity, gross_share=0
        )

    paper.packing_slip_pdf(order, at=AT)

    sheet = sheets[0]
    assert [(row["quantity"], row["sku"]) for row in sheet["rows"]] == [("2", "FLK"), ("1", "OIL")]
    assert sheet["rows"][0]["notes"] == [f"part of {bundle.product.name}"]
    assert [(guide["title"], guide["steps"]) for guide in sheet["guides"]] == [
        ("Foot soak", ["Stir the flakes in."]),
        ("Bath", ["Fill the tub."]),
    ]
    assert sheet["guides"][0]["dose"].startswith(
        "100–250 g a soak · about 5 litres of water · not above 38 °C"
    )
    assert any("do not soak your feet" in caution for caution in sheet["cautions"])
    assert "£" not in json.dumps(sheet, ensure_ascii=False), "a slip may be a present's"


def test_the_slips_of_many_parcels_are_one_file(
    admin_client: Client, sheets: list[Any], django_assert_max_num_queries: Any
) -> None:
    parcels = [pack(make_allocated_order()) for _ in range(3)]
    address = reverse("admin:orders_shipment_changelist")
    chosen = {"action": "print_slips", "_selected_action": [parcel.pk for parcel in reversed(parcels)]}

    with django_assert_max_num_queries(14):
        answer = admin_client.post(address, chosen)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == 'inline; filename="packing-slips-3.pdf"'
    assert b"/Type/Pages/Count 3/" in answer.content
    slips = json.loads(json.dumps(sheets[0]).replace("\\u200b", ""))["slips"]
    assert [slip["facts"][0][1] for slip in slips] == [parcel.reference for parcel in parcels]
    alone = sheets.copy()
    paper.parcel_slip_pdf(parcels[0])
    assert alone[0]["slips"][0]["rows"] == sheets[1]["rows"]


def test_more_slips_than_a_printer_is_given_at_once_are_refused_in_words(
    admin_client: Client, sheets: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing_slip, "SLIPS_AT_ONCE", 1)
    monkeypatch.setattr(paper, "SLIPS_AT_ONCE", 1)
    parcels = [pack(make_allocated_order()) for _ in range(2)]
    chosen = {"action": "print_slips", "_selected_action": [parcel.pk for parcel in parcels]}

    answer = admin_client.post(reverse("admin:orders_shipment_changelist"), chosen, follow=True)

    assert "At most 1 slips at a time." in answer.content.decode()
    assert sheets == []


def test_the_holder_gets_the_invoice_and_nobody_else(regions: None) -> None:
    order, other = make_paid_order(), make_paid_order()
    code = issued(order).code
    issued(other)
    path = f"/api/v1/orders/{order.reference}"
    mine = {"Authorization": f"OrderToken {links.order_token(order)}"}
    theirs = {"Authorization": f"OrderToken {links.order_token(other)}"}
    client = Client()

    answer = client.get(f"{path}/invoice", headers=mine)
    same = client.get(f"{path}/documents/{code}", headers={**mine, "Accept": "application/pdf"})
    refused = [
        client.get(f"{path}/invoice", headers=theirs),
        client.get(f"{path}/invoice", headers={**theirs, "Accept": "application/pdf"}),
        client.get(f"{path}/invoice"),
        client.get(f"{path}/documents/TEST-GB-2026-000002", headers=mine),
    ]

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'inline; filename="{code}.pdf"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer.content.startswith(b"%PDF-")
    assert same.content == answer.content
    assert [(found.status_code, found["Content-Type"]) for found in refused] == [
        (404, "application/problem+json")
    ] * 4


@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_not_paid_has_no_invoice(till: Any) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    token = {"Authorization": f"OrderToken {placed['token']}"}

    answer = till.send("GET", f"orders/{placed['reference']}/invoice", **token)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert placed["documents"] == []


def test_the_orders_page_links_its_documents(regions: None) -> None:
    order, other = make_paid_order(), make_paid_order()
    code, strange = issued(order).code, issued(other).code
    page = f"/o/{links.order_token(order)}"
    client = Client()

    shown = client.get(page).content.decode()

    assert f"{page}/documents/{code}" in shown
    assert client.get(f"{page}/documents/{code}")["Content-Type"] == "application/pdf"
    assert client.get(f"{page}/documents/{strange}").status_code == 404
    assert client.get(f"/o/forged/documents/{code}").status_code == 404


def test_staff_open_invoice_and_slip_from_the_order() -> None:
    order = make_paid_order()
    desk = Client()
    desk.force_login(User.objects.create_superuser("boss@shop.example", "pw"))

    slip = desk.get(reverse("admin:orders_order_packing_slip", args=[order.pk]))
    none = desk.get(reverse("admin:orders_order_invoice", args=[order.pk]))

    assert (slip.status_code, slip["Content-Type"]) == (200, "application/pdf")
    assert none.status_code == 404


def test_staff_without_a_view_permission_see_no_paper(regions: None) -> None:
    order = make_paid_order()
    invoice = issued(order)
    helper = User.objects.create_user("helper@shop.example", "pw", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_lot"))
    desk = Client()
    desk.force_login(helper)

    pages = [
        reverse("admin:orders_invoice_download", args=[invoice.pk]),
        reverse("admin:orders_order_invoice", args=[order.pk]),
        reverse("admin:orders_order_packing_slip", args=[order.pk]),
    ]

    assert [desk.get(page).status_code for page in pages] == [403] * 3


def test_a_parcels_slip_names_the_lot_of_each_unit(sheets: list[Any]) -> None:
    variant = make_variant(stock=0)
    put_in_stock(variant, 1, best_before_on=date(2028, 1, 31), code="EARLY")
    put_in_stock(variant, 5, best_before_on=date(2029, 9, 30), code="LATE")
    shipment = pack(make_allocated_order(variant=variant, units=3))

    first, second = paper.parcel_slip_pdf(shipment), paper.parcel_slip_pdf(shipment)

    assert first == second
    (row,) = sheets[0]["rows"]
    assert (row["quantity"], row["lots"], row["dates"]) == (
        "3",
        ["1 × EARLY", "2 × LATE"],
        ["01/2028", "09/2029"],
    )
    assert ["Parcel", shipment.reference] in sheets[0]["facts"]
