"""Discounts at the till: what they take off, in which order, why a code is refused, and what the order keeps."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Category
from orders import checkout, discounts, lifecycle, reconciler, redemptions
from orders.discounts import rules
from orders.discounts.rules import Buyer
from orders.models import DiscountCode, Order, OrderDiscount, TaxRate
from shop.mail.models import OutboxMessage
from tests.factories.catalog import PriceFactory, make_oil, make_variant
from tests.factories.discounts import make_discount
from tests.factories.orders import make_paid_order
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db

WEEKS = {"unit": "week", "count": 4}


def _with_codes(till: Till, token: str, *codes: str) -> dict[str, Any]:
    answer = till.send("PATCH", f"carts/{token}", {"discount_codes": list(codes)})
    assert answer.status_code == 200, answer.content
    return answer.json()


def _reasons(cart: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in cart["problems"]]


# --- what is taken off --------------------------------------------------------------------------------------


def test_a_code_takes_a_percentage_off_and_the_order_keeps_what_it_took(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    make_discount(code="TENOFF")
    token = till.cart(("FLK", 2))

    cart = _with_codes(till, token, " ten-off ")
    placed = till.check_out(token).json()

    assert cart["discount_codes"] == ["TENOFF"]
    assert cart["discounts"] == [
        {
            "label": "Ten per cent off",
            "code": "TENOFF",
            "amount": {"amount": 239, "currency": "GBP", "formatted": "£2.39"},
        }
    ]
    assert cart["totals"]["total"]["amount"] == 2390 - 239 + 595
    order = Order.objects.get()
    assert (order.items_total, order.discount_total, order.total) == (2390, 239, 2746)
    taken = order.discounts.get()
    assert (taken.code, taken.label, taken.amount, taken.shipping_amount) == (
        "TENOFF", "Ten per cent off", 239, 0,
    )  # fmt: skip
    line = order.lines.get()
    assert (line.unit_price, line.discount, line.gross) == (1195, 239, 2151)
    assert placed["discounts"] == cart["discounts"]
    intent = stripe_side.intent(placed["payment"]["client_secret"].split("_secret_")[0])
    assert intent["amount"] == order.total


def test_a_changed_discount_changes_no_order(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    discount = make_discount(code="TENOFF")
    token = till.cart(("FLK", 1))
    _with_codes(till, token, "TENOFF")
    till.check_out(token)

    discount.label, discount.percent, discount.is_active = "Other", 50, False
    discount.save()

    order = Order.objects.get()
    assert order.total == 1000 - 100 + 395
    assert order.discounts.get().label == "Ten per cent off"


def test_the_stacking_order_is_sale_then_automatic_then_code_then_delivery(till: Till) -> None:
    flakes = make_variant(sku="FLK", prices={"GBP": 2000})
    PriceFactory.create(variant=flakes, kind="sale", amount=1600)
    make_discount(code="FIVE", label="Five pounds", off={"GBP": 500})
    make_discount(label="Autumn", percent="25")
    make_discount(code="POST", label="Free delivery", kind="free_shipping")

    cart = _with_codes(till, till.cart(("FLK", 1)), "POST", "FIVE")

    assert [(row["label"], row["amount"]["amount"]) for row in cart["discounts"]] == [
        ("Autumn", 400), ("Five pounds", 500), ("Free delivery", 395),
    ]  # fmt: skip
    assert cart["totals"]["items"]["amount"] == 1600
    assert cart["totals"]["discount"]["amount"] == 900
    assert cart["totals"]["shipping_discount"]["amount"] == 395
    assert cart["totals"]["total"]["amount"] == 700
    assert cart["lines"][0]["unit_price"] == "£7.00 per kg", "the unit price is that after discounts"


def test_a_refill_price_comes_first_and_the_next_refill_is_not_lowered(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000}, is_subscribable=True)
    make_discount(code="HALF", percent="50")
    token = till.cart(("FLK", 1, WEEKS))

    cart = _with_codes(till, token, "HALF")
    till.check_out(token)

    line = Order.objects.get().lines.get()
    assert cart["lines"][0]["price"]["amount"] == 900
    assert (line.unit_price, line.discount, line.gross) == (900, 450, 450)


def test_a_discount_may_leave_refills_alone(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000}, is_subscribable=True)
    make_discount(code="ONCE", includes_refills=False)
    token = till.cart(("FLK", 1, WEEKS), ("FLK", 1))

    cart = _with_codes(till, token, "ONCE")

    assert [line["discount"]["amount"] for line in cart["lines"]] == [0, 100]


def test_a_discount_is_for_its_categories_and_products_alone(till: Till) -> None:
    flakes = make_variant(sku="FLK", prices={"GBP": 1000})
    make_oil(sku="OIL", prices={"GBP": 1000})
    make_discount(code="OILS", scope="categories", categories=[Category.objects.get(slug="magnesium-oil")])
    make_discount(code="FLAKES", scope="products", products=[flakes.product], percent="20")
    token = till.cart(("FLK", 1), ("OIL", 1))

    oils = _with_codes(till, token, "OILS")
    both = _with_codes(till, token, "OILS", "FLAKES")

    assert [line["discount"]["amount"] for line in oils["lines"]] == [0, 100]
    assert [line["discount"]["amount"] for line in both["lines"]] == [200, 100]


def test_what_stands_alone_holds_only_if_it_saves_more(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(label="Autumn", percent="15")
    make_discount(code="SOLO", label="Solo", percent="20", is_combinable=False)
    make_discount(code="EXTRA", label="Extra", percent="10")
    token = till.cart(("FLK", 1))

    solo = _with_codes(till, token, "SOLO")
    together = _with_codes(till, token, "SOLO", "EXTRA")

    assert [row["label"] for row in solo["discounts"]] == ["Solo"]
    assert [row["label"] for row in together["discounts"]] == ["Autumn", "Extra"]
    assert together["totals"]["discount"]["amount"] == 150 + 85
    assert [(row["code"], row["discount_code"]) for row in together["problems"]] == [
        ("code_not_combined", "SOLO")
    ]


def test_delivery_is_free_from_a_value_before_discounts_so_that_no_code_makes_an_order_dearer(
    till: Till,
) -> None:
    make_variant(sku="FLK", prices={"GBP": 3500})
    make_discount(code="POUND", off={"GBP": 100})
    token = till.cart(("FLK", 1))

    cart = _with_codes(till, token, "POUND")

    assert cart["totals"]["shipping"]["amount"] == 0
    assert cart["totals"]["total"]["amount"] == 3400


def test_an_amount_off_is_spread_by_largest_remainder(till: Till) -> None:
    for sku, price in (("A", 333), ("B", 333), ("C", 334)):
        make_variant(sku=sku, prices={"GBP": price})
    make_discount(code="ONE", off={"GBP": 100})
    token = till.cart(("A", 1), ("B", 1), ("C", 1))

    _with_codes(till, token, "ONE")
    till.check_out(token)

    order = Order.objects.get()
    assert [line.discount for line in order.lines.all()] == [33, 33, 34]
    assert order.discount_total == 100


def test_a_code_without_an_effect_is_not_used_up(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 4000})
    make_discount(code="POST", kind="free_shipping", max_uses=1)
    token = till.cart(("FLK", 1))

    cart = _with_codes(till, token, "POST")
    answer = till.check_out(token)

    assert answer.status_code == 201, "delivery was free already"
    assert (cart["problems"], cart["discounts"][0]["amount"]["amount"]) == ([], 0)
    assert not OrderDiscount.objects.exists()


def test_sales_tax_is_on_what_is_paid(till: Till) -> None:
    make_variant(sku="FLK", prices={"USD": 2000})
    make_discount(code="HALF", percent="50")
    token = till.cart(("FLK", 1))
    address = {
        "name": "Ada Buyer", "line1": "1 Main Street", "city": "Fresno", "region": "CA",
        "postal_code": "93650", "country": "US",
    }  # fmt: skip
    till.send("PATCH", f"carts/{token}", {"shipping_address": address, "shipping_method": "standard"})

    cart = _with_codes(till, token, "HALF")

    assert cart["totals"]["tax"]["amount"] == 73 + 65, "7.25 % of 1000 and of 895"
    assert cart["totals"]["total"]["amount"] == 1000 + 895 + 138


def test_a_state_may_tax_shipping_otherwise_than_goods(till: Till, at: Any) -> None:
    make_variant(sku="FLK", prices={"USD": 2000})
    TaxRate.objects.create(
        country="US", region="CA", tax_code="shipping", name="California, delivery", rate=0,
        starts_on=at.date(),
    )  # fmt: skip
    token = till.cart(("FLK", 1))
    address = {
        "name": "Ada Buyer", "line1": "1 Main Street", "city": "Fresno", "region": "CA",
        "postal_code": "93650", "country": "US",
    }  # fmt: skip

    cart = till.send(
        "PATCH", f"carts/{token}", {"shipping_address": address, "shipping_method": "standard"}
    ).json()

    assert cart["totals"]["tax"]["amount"] == 145


# --- why a code is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_active": False}, "code_unknown"),
        ({"starts_in": 1}, "code_not_yet"),
        ({"ends_in": -1}, "code_expired"),
        ({"max_uses": 0}, "code_used_up"),
        ({"code_uses": 0}, "code_used_up"),
        ({"minimum": {"GBP": 1001}}, "code_minimum"),
        ({"scope": "products"}, "code_not_for_these"),
        ({"off": {"EUR": 100}}, "code_not_here"),
    ],
)
def test_a_refused_code_says_why_and_the_totals_are_those_without_it(
    till: Till, fields: dict[str, Any], reason: str
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    now = timezone.now()
    if "starts_in" in fields:
        fields = {"starts_at": now + timedelta(days=fields["starts_in"])}
    if "ends_in" in fields:
        fields = {"ends_at": now + timedelta(days=fields["ends_in"])}
    make_discount(code="NOPE", **fields)
    token = till.cart(("FLK", 1))

    cart = _with_codes(till, token, "NOPE")
    answer = till.check_out(token)

    assert _reasons(cart) == [reason]
    assert cart["problems"][0]["detail"].startswith("NOPE: ")
    assert (cart["discounts"], cart["totals"]["total"]["amount"]) == ([], 1395)
    assert (answer.status_code, answer.json()["code"]) == (400, "cart_incomplete")
    assert list(answer.json()["errors"]) == ["discount_codes"]
    assert not Order.objects.exists()


def test_an_unknown_code_stays_on_the_cart_until_it_is_taken_out(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))

    unknown = _with_codes(till, token, "GUESS")
    without = _with_codes(till, token)

    assert (_reasons(unknown), unknown["discount_codes"]) == (["code_unknown"], ["GUESS"])
    assert (without["problems"], without["discount_codes"]) == ([], [])


def test_two_codes_of_one_discount_count_once(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    discount = make_discount(code="FIRST")
    DiscountCode.objects.create(discount=discount, code="SECOND", created_at=discount.created_at)

    cart = _with_codes(till, till.cart(("FLK", 1)), "FIRST", "SECOND")

    assert cart["totals"]["discount"]["amount"] == 100
    assert [(row["code"], row["discount_code"]) for row in cart["problems"]] == [
        ("code_not_combined", "SECOND")
    ]


@pytest.mark.parametrize("codes", ["TENOFF", [1], [None], ["x" * 41], list("abcdef"), ["A\x00B"], {"a": 1}])
def test_codes_of_another_shape_are_refused(till: Till, codes: Any) -> None:
    token = till.cart()

    answer = till.send("PATCH", f"carts/{token}", {"discount_codes": codes})

    assert answer.status_code == 400
    assert till.send("GET", f"carts/{token}").json()["discount_codes"] == []


def test_guessing_codes_is_limited(till: Till, settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1
    settings.LIMITS = {**settings.LIMITS, "codes_per_cart": (3, 3600)}
    token = till.cart()

    def enter(*codes: str) -> Any:
        return till.send("PATCH", f"carts/{token}", {"discount_codes": list(codes)})

    known = [enter("A").status_code, enter("A", "B").status_code, enter("A", "B", "C").status_code]
    again = enter("A", "B", "C").status_code
    refused = enter("D")

    assert (known, again) == ([200, 200, 200], 200), "what is on the cart is no new guess"
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert till.send("GET", f"carts/{token}").json()["discount_codes"] == ["A", "B", "C"]


def test_generated_codes_are_many_different_and_long(till: Till) -> None:
    discount = make_discount(code="BASE")

    made = discounts.generate_codes(discount, count=500, prefix="spring-", at=discount.created_at)

    assert len({row.code for row in made}) == 500
    assert {(len(row.code), row.code[:6], row.max_uses) for row in made} == {(18, "SPRING", 1)}
    with pytest.raises(discounts.codes.NoCode):
        discounts.generate_codes(discount, count=10_001, at=discount.created_at)


# --- who may have it, and how often -------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["ada@buyer.example", "ADA@Buyer.example", "ada+again@buyer.example"])
def test_once_a_customer_is_once_in_any_spelling_of_the_address(till: Till, email: str) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="ONCE", max_uses_per_customer=1)
    first, second = till.cart(("FLK", 1)), till.cart(("FLK", 1), email=email)
    other = till.cart(("FLK", 1), email="grace@buyer.example")
    for token in (first, second, other):
        _with_codes(till, token, "ONCE")

    answers = [till.check_out(token) for token in (first, second, other)]

    assert [answer.status_code for answer in answers] == [201, 400, 201]
    assert "used this code before" in answers[1].json()["errors"]["discount_codes"][0]
    assert OrderDiscount.objects.count() == 2


def test_a_first_order_is_one_that_nobody_of_that_address_has_paid_before(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="WELCOME", first_order_only=True)
    make_paid_order(email="Grace+shop@Buyer.example")
    known = till.cart(("FLK", 1), email="grace@buyer.example")
    new = till.cart(("FLK", 1), email="ada@buyer.example")
    shown = _with_codes(till, known, "WELCOME")
    _with_codes(till, new, "WELCOME")

    refused, accepted = till.check_out(known), till.check_out(new)

    assert shown["problems"] == [], "a cart tells nobody whether an address has ordered before"
    assert (refused.status_code, accepted.status_code) == (400, 201)
    assert "first order" in refused.json()["errors"]["discount_codes"][0]


@pytest.mark.parametrize("tag", ["", "+shop"])
@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_whoever_only_looks_alike_has_not_ordered_before(till: Till, alike: str, tag: str) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="WELCOME", first_order_only=True)
    plain = alike.replace("\u0131", "i").replace("\u017f", "s")
    make_paid_order(email=plain.replace("@", f"{tag}@"))

    stranger = rules._has_ordered(Buyer(email=alike))
    themselves = rules._has_ordered(Buyer(email=plain.upper()))

    assert (stranger, themselves) == (False, True)


def test_an_automatic_discount_for_first_orders_is_for_those_signed_in(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(first_order_only=True)

    cart = till.send("GET", f"carts/{till.cart(('FLK', 1))}").json()

    assert cart["totals"]["discount"]["amount"] == 0


def test_what_was_used_up_meanwhile_is_refused_under_the_lock(till: Till, monkeypatch: Any) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="LAST", max_uses=1)
    first, second = till.cart(("FLK", 1)), till.cart(("FLK", 1), email="grace@buyer.example")
    for token in (first, second):
        _with_codes(till, token, "LAST")
    total = till.total(second)
    till.check_out(first)
    monkeypatch.setattr(discounts.rules, "_is_used_up", lambda discount: False)

    answer = till.check_out(second, total=total)

    assert (answer.status_code, answer.json()["code"]) == (409, "discount_used_up")
    assert list(answer.json()["errors"]) == ["discount_codes"]
    assert Order.objects.count() == 1


# --- given back, and taken again ----------------------------------------------------------------------------


def test_an_order_that_ends_gives_its_discount_back_once(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="LAST", max_uses=1)
    first, second = till.cart(("FLK", 1)), till.cart(("FLK", 1))
    _with_codes(till, first, "LAST")
    till.check_out(first)
    order = Order.objects.get()
    at = timezone.now()

    checkout.cancel(order, reason="Changed my mind.", actor=None, at=at)
    again = redemptions.give_back(order, at=at + timedelta(hours=1))
    cart = _with_codes(till, second, "LAST")

    assert again == 0, "given back exactly once"
    assert OrderDiscount.objects.get().returned_at == at
    assert cart["problems"] == []
    assert till.check_out(second).status_code == 201
    assert [row.use_of_discount for row in OrderDiscount.objects.order_by("pk")] == [1, 1]


def test_an_order_that_expires_gives_its_discount_back(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="LAST", max_uses=1)
    token = till.cart(("FLK", 1))
    _with_codes(till, token, "LAST")
    till.check_out(token)

    reconciler.expire_orders(at=timezone.now() + timedelta(hours=3))

    assert Order.objects.get().status == "expired"
    assert OrderDiscount.objects.counted().count() == 0


def _expired_with_code(till: Till) -> Order:
    token = till.cart(("FLK", 1))
    _with_codes(till, token, "LAST")
    assert till.check_out(token).status_code == 201
    order = Order.objects.get()
    lifecycle.end(order, Order.Status.EXPIRED, at=timezone.now(), reason="Not paid in time.")
    return order


def test_a_late_payment_takes_its_discount_again(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="LAST", max_uses=1)
    order = _expired_with_code(till)

    lifecycle.confirm(order, at=timezone.now())

    assert OrderDiscount.objects.get().returned_at is None
    assert not order.events.filter(kind="discount_honoured").exists()


def test_a_late_payment_keeps_its_price_when_the_discount_is_used_up(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="LAST", max_uses=1)
    order = _expired_with_code(till)
    second = till.cart(("FLK", 1), email="grace@buyer.example")
    _with_codes(till, second, "LAST")
    till.check_out(second)

    lifecycle.confirm(order, at=timezone.now())

    order.refresh_from_db()
    assert (order.status, order.total, order.discounts.count()) == ("placed", 1295, 1)
    assert order.events.filter(kind="discount_honoured").count() == 1
    assert OrderDiscount.objects.counted().count() == 1, "the cap keeps its meaning"


def test_the_database_itself_keeps_a_use_unique(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="TWICE", max_uses=2)
    for email in ("ada@buyer.example", "grace@buyer.example"):
        token = till.cart(("FLK", 1), email=email)
        _with_codes(till, token, "TWICE")
        till.check_out(token)

    with pytest.raises(IntegrityError), transaction.atomic():
        OrderDiscount.objects.update(use_of_discount=1)

    assert sorted(OrderDiscount.objects.values_list("use_of_discount", flat=True)) == [1, 2]


# --- totals of nothing, and next to nothing -----------------------------------------------------------------


def _free_cart(till: Till, *lines: tuple[Any, ...]) -> str:
    make_discount(code="GIFT", label="A gift", percent="100")
    make_discount(code="POST", label="Free delivery", kind="free_shipping")
    token = till.cart(*lines)
    _with_codes(till, token, "GIFT", "POST")
    return token


def test_an_order_of_nothing_needs_no_payment_and_is_placed_at_once(till: Till) -> None:
    flakes = make_variant(sku="FLK", stock=3)
    token = _free_cart(till, ("FLK", 2))

    answer = till.check_out(token)

    assert answer.status_code == 201
    assert answer.json()["payment"] == {"kind": "none"}
    assert (answer.json()["status"], answer.json()["payment_status"]) == ("placed", "paid")
    order = Order.objects.get()
    assert (order.total, order.discount_total, order.shipping_discount) == (0, 2500, 595)
    assert not order.payment.attempts.exists(), "Stripe is not asked"
    assert order.payment.stripe_payment_intent_id is None
    assert flakes.reservations.get().status == "allocated"
    assert [mail.kind for mail in OutboxMessage.objects.all()] == ["order_confirmation"]


def test_a_free_order_asked_for_twice_is_one(till: Till) -> None:
    make_variant(sku="FLK")
    token = _free_cart(till, ("FLK", 1))

    first = till.check_out(token)
    second = till.check_out(token, total=0)

    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["code"] == "already_ordered"
    assert OutboxMessage.objects.count() == 1


def test_a_free_order_whose_request_died_is_settled_by_the_sweep(till: Till) -> None:
    make_variant(sku="FLK")
    token = _free_cart(till, ("FLK", 1))
    consents = checkout.Consents(terms=True, refill=False)
    # The verb alone, as if its door had died before it settled.
    checkout.check_out(token, expected_total=0, consents=consents, user=None, at=timezone.now())

    settled = reconciler.settle_free_orders(at=timezone.now())
    again = reconciler.settle_free_orders(at=timezone.now())

    assert (settled, again) == (1, 0)
    assert Order.objects.get().status == "placed"


def test_a_refill_does_not_begin_with_a_payment_of_nothing(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    token = _free_cart(till, ("FLK", 1, WEEKS))

    cart = till.send("GET", f"carts/{token}").json()
    answer = till.check_out(token)

    assert _reasons(cart) == ["refill_needs_payment"]
    assert answer.status_code == 400
    assert not Order.objects.exists()


@pytest.mark.parametrize(("off", "reasons"), [(1371, ["total_too_small"]), (1365, [])])
def test_a_total_that_no_card_can_pay_is_refused_with_what_to_do(
    till: Till, off: int, reasons: list[str]
) -> None:
    make_variant(sku="FLK", prices={"GBP": 1395})
    make_discount(code="MUCH", off={"GBP": off})
    make_discount(code="POST", kind="free_shipping")
    token = till.cart(("FLK", 1))

    cart = _with_codes(till, token, "MUCH", "POST")
    answer = till.check_out(token)

    assert _reasons(cart) == reasons
    assert answer.status_code == (400 if reasons else 201)
    if reasons:
        words = cart["problems"][0]["detail"]
        assert words.startswith("Cards take £0.30 or more, and this comes to £0.24.")
        assert not Order.objects.exists()


def test_a_code_over_more_than_the_goods_leaves_nothing_below_zero(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1000})
    make_discount(code="HUGE", off={"GBP": 1_000_000})

    cart = _with_codes(till, till.cart(("FLK", 1)), "HUGE")

    assert cart["totals"]["discount"]["amount"] == 1000
    assert cart["totals"]["total"]["amount"] == 395, "an amount off the goods pays no delivery"


# --- what it costs ------------------------------------------------------------------------------------------


def test_looking_at_a_cart_without_discounts_costs_no_query_more(
    till: Till, django_assert_num_queries: Any
) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    with django_assert_num_queries(7):
        till.send("GET", f"carts/{token}")
    make_discount(label="Over", ends_at=timezone.now() - timedelta(days=1))

    with django_assert_num_queries(7):
        till.send("GET", f"carts/{token}")
