"""Whatever is bought, with whatever discounts, wherever to: one sum in the quote, on the order and at Stripe;
and whatever is refunded, in whatever pieces, comes to what was received and never to more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from catalog.models import Price, Variant
from orders import carts, placement, refunds
from orders.models import Cart, CartLine, Order, OrderLineComponent, Payment, StripeRefund
from orders.placement import Draft
from shop.exceptions import ShopError
from tests.factories.catalog import AT, PRICES_SINCE, make_bundle, make_oil, make_variant
from tests.factories.discounts import make_discount
from tests.factories.orders import HOME
from tests.thoroughness import times

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]

MANY = settings(
    max_examples=times(25, 2000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Country, region, postcode, currency: tax included in GB and EU, on top in California, none in Oregon.
PLACES = [
    ("GB", "", "LS1 4AB", "GBP"),
    ("GB", "", "BT1 5GS", "GBP"),
    ("DE", "", "10115", "EUR"),
    ("HU", "", "1051", "EUR"),
    ("US", "CA", "93650", "USD"),
    ("US", "OR", "97201", "USD"),
]
CODES = ["TEN", "THIRD", "FIVE", "OILS", "POST", "SOLO", "ONCE"]
# What may rightly keep a random cart from being ordered.
RIGHTLY_REFUSED = {
    "too_heavy", "total_too_small", "refill_needs_payment", "code_not_for_these", "code_minimum",
    "code_not_combined",
}  # fmt: skip


@dataclass(frozen=True)
class Basket:
    """What one example buys: (which good, pieces, on refill), its prices, where to and with which codes."""

    lines: list[tuple[int, int, bool]]
    prices: list[int]
    place: tuple[str, str, str, str]
    codes: list[str]
    with_automatic: bool


LINES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 9), st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda line: (line[0], line[2]),
)
BASKETS = st.builds(
    Basket,
    lines=LINES,
    prices=st.lists(st.integers(1, 9999), min_size=4, max_size=4),
    place=st.sampled_from(PLACES),
    codes=st.lists(st.sampled_from(CODES), max_size=4, unique=True),
    with_automatic=st.booleans(),
)


@pytest.fixture
def goods(db: None) -> list[Variant]:
    """Two goods that come on refill, one that does not, and a set of them; and discounts of every kind."""
    every = {"GBP": 1, "EUR": 1, "USD": 1}
    # Each example brings its own prices.
    elsewhere = {"CHF": 1}
    light = {"gross_weight_g": 90, "stock": 1000, "prices": elsewhere}
    flakes = make_variant(sku="FLK", is_subscribable=True, **light)
    oil = make_oil(sku="OIL", is_subscribable=True, **light)
    scoop = make_variant(sku="SCOOP", is_subscribable=False, **light)
    bundle = make_bundle([(flakes, 1), (oil, 2)], sku="SET", prices=elsewhere, gross_weight_g=270)
    make_discount(label="Autumn", percent="7.5", includes_refills=False)
    make_discount(code="TEN", percent="10")
    make_discount(code="THIRD", percent="33.33")
    make_discount(code="FIVE", off={"GBP": 500, "EUR": 600, "USD": 700}, max_uses=10_000)
    make_discount(code="OILS", percent="50", scope="products", products=[oil.product], max_uses=10_000)
    make_discount(code="POST", kind="free_shipping")
    make_discount(code="SOLO", percent="45", is_combinable=False)
    make_discount(code="ONCE", off={"GBP": 99, "EUR": 99, "USD": 99}, minimum=every, max_uses_per_customer=1)
    return [flakes, oil, scoop, bundle]


@contextmanager
def forgotten() -> Iterator[None]:
    """Whatever is written within is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _place(basket: Basket, goods: list[Variant]) -> tuple[Order, Any] | None:
    """Place what an example buys; None if it was rightly refused."""
    country, region, postcode, currency = basket.place
    Price.objects.bulk_create(
        Price(variant=variant, currency=currency, kind="list", amount=price, starts_at=PRICES_SINCE)
        for variant, price in zip(goods, basket.prices, strict=True)
    )
    cart = Cart.objects.create(
        email="ada@buyer.example", country=country, currency=currency, shipping_method="standard",
        shipping_address={**HOME, "country": country, "region": region, "postal_code": postcode},
        discount_codes=basket.codes, created_at=AT, updated_at=AT,
    )  # fmt: skip
    for which, pieces, on_refill in basket.lines:
        refill = {"refill_unit": "week", "refill_count": 4} if on_refill and which < 2 else {}
        CartLine.objects.get_or_create(
            cart=cart, variant=goods[which], **(refill or {"refill_unit": None, "refill_count": None}),
            defaults={"quantity": pieces},
        )  # fmt: skip
    at = AT if basket.with_automatic else AT - timedelta(days=5)
    found = carts.view(cart, at=at)
    event("refused" if found.problems else "ordered")
    if found.problems:
        assert {problem.code for problem in found.problems} <= RIGHTLY_REFUSED
        return None
    draft = Draft(
        quote=found.quote, origin=Order.Origin.CHECKOUT, email=cart.email, country=country, locale="en-gb",
        shipping_address=cart.shipping_address, billing_address=HOME, saves_card=False, cart=cart,
    )  # fmt: skip
    return placement.place_order(draft, hold_until=AT + timedelta(minutes=15), at=AT), found.quote


@MANY
@given(basket=BASKETS)
def test_lines_shipping_and_tax_are_the_total_and_the_total_is_asked_of_stripe(
    goods: list[Variant], basket: Basket
) -> None:
    with forgotten():
        placed = _place(basket, goods)
        if placed is None:
            return
        order, quote = placed
        order.refresh_from_db()
        lines = list(order.lines.all())

        shipping = order.shipping_total + (0 if order.tax_included else order.shipping_tax)
        assert sum(line.gross for line in lines) + shipping == order.total == quote.total
        taxes = sum(line.tax for line in lines) + order.shipping_tax
        net = sum(line.net for line in lines) + order.shipping_total
        assert order.tax_total == taxes
        assert order.tax_included or net + taxes == order.total
        assert order.items_total == sum(line.full_amount for line in lines)
        assert order.discount_total == sum(line.discount for line in lines)
        taken = list(order.discounts.all())
        assert order.discount_total == sum(row.amount for row in taken)
        assert order.shipping_discount == sum(row.shipping_amount for row in taken)
        for line in lines:
            parts = OrderLineComponent.objects.filter(line=line).aggregate(sum=Sum("gross_share"))
            assert parts["sum"] == line.gross
            assert line.discount <= line.full_amount
        payment = Payment.objects.get(order=order)
        asked = [attempt.request["amount"] for attempt in payment.attempts.all()]
        assert payment.amount == order.total
        assert asked == ([order.total] if order.total else [])


# By line and pieces, by amount, shipping; and what becomes of the refund at Stripe.
ASKED = st.one_of(
    st.tuples(st.just("lines"), st.integers(0, 3), st.integers(1, 9)),
    st.tuples(st.just("amount"), st.integers(1, 30_000), st.just(0)),
    st.tuples(st.just("shipping"), st.just(0), st.just(0)),
)
STEPS = st.lists(st.tuples(ASKED, st.sampled_from(["requested", "succeeded", "failed"])), max_size=6)


def _counted(order: Order) -> int:
    rows = StripeRefund.objects.filter(payment__order=order, status__in=StripeRefund.COUNTED)
    return rows.aggregate(sum=Sum("amount"))["sum"] or 0


def _ask(order: Order, what: tuple[str, int, int], outcome: str) -> None:
    kind, first, second = what
    lines = list(order.lines.all())
    asked: dict[str, Any] = {"amount": first}
    if kind == "lines":
        asked = {"lines": {lines[first % len(lines)].pk: second}}
    elif kind == "shipping":
        asked = {"with_shipping": True}
    try:
        refund = refunds.request_refund(order, reason="test", actor=None, at=AT, **asked)
    except ShopError:
        return
    refund.status = outcome
    refund.save(update_fields=["status"])


@MANY
@given(basket=BASKETS, steps=STEPS)
def test_refunds_in_any_pieces_come_to_what_was_received_and_never_to_more(
    goods: list[Variant], basket: Basket, steps: list[tuple[tuple[str, int, int], str]]
) -> None:
    with forgotten():
        placed = _place(basket, goods)
        if placed is None or placed[0].total == 0:
            return
        order = placed[0]
        Payment.objects.filter(order=order).update(amount_received=order.total)

        for what, outcome in steps:
            _ask(order, what, outcome)
            assert 0 <= _counted(order) <= order.total
        if _counted(order) < order.total:
            refunds.request_refund(order, reason="the rest", actor=None, at=AT)

        assert _counted(order) == order.total
        with pytest.raises(refunds.NothingToRefund):
            refunds.request_refund(order, amount=1, reason="more", actor=None, at=AT)


@MANY
@given(basket=BASKETS, order_of_units=st.randoms(use_true_random=False))
def test_every_unit_and_the_shipping_one_by_one_come_to_what_was_received(
    goods: list[Variant], basket: Basket, order_of_units: Any
) -> None:
    with forgotten():
        placed = _place(basket, goods)
        if placed is None or placed[0].total == 0:
            return
        order = placed[0]
        Payment.objects.filter(order=order).update(amount_received=order.total)
        units = [line.pk for line in order.lines.all() for _ in range(min(line.quantity, 3))]
        rest = {line.pk: line.quantity - 3 for line in order.lines.all() if line.quantity > 3}
        order_of_units.shuffle(units)

        for line_id in units:
            _refund_unit(order, {line_id: 1})
        for line_id, pieces in rest.items():
            _refund_unit(order, {line_id: pieces})
        if order.shipping_total:
            refunds.request_refund(order, with_shipping=True, reason="test", actor=None, at=AT)

        assert _counted(order) == order.total


def _refund_unit(order: Order, lines: dict[int, int]) -> None:
    """Refund units; a unit that discounts have left nothing of has nothing to refund."""
    try:
        refunds.request_refund(order, lines=lines, reason="test", actor=None, at=AT)
    except (refunds.RefundTooLarge, refunds.NothingToRefund):
        line = order.lines.get(pk=next(iter(lines)))
        assert line.gross < line.quantity
