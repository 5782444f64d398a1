"""Twenty-four buyers and a code that lasts for fewer: real connections, many races, and controls without a lock."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from orders import checkout, redemptions
from orders.models import Discount, DiscountCode, Order, OrderDiscount
from orders.totals import Reduction
from tests.factories.catalog import AT, make_variant
from tests.factories.discounts import make_discount
from tests.factories.orders import HOME, make_cart, make_order
from tests.thoroughness import times

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

BUYERS = 24
RACES = times(10, 600)
WAIT_S = 60
INDEX = "orders_order_discount_use"


class Crowd:
    """Threads that keep their connections and run one race after another, each beginning at once."""

    def __init__(self, work: Callable[[int], str]) -> None:
        self.work = work
        self.begin, self.end = threading.Barrier(BUYERS + 1), threading.Barrier(BUYERS + 1)
        self.outcomes: list[str] = [""] * BUYERS
        self.is_over = False
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(BUYERS)]

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.begin.wait(timeout=WAIT_S)
        for thread in self.threads:
            thread.join(timeout=WAIT_S)

    def race(self) -> Counter[str]:
        """Run one race and return how often each outcome came."""
        self.begin.wait(timeout=WAIT_S)
        self.end.wait(timeout=WAIT_S)
        return Counter(self.outcomes)

    def _run(self, number: int) -> None:
        while True:
            self.begin.wait(timeout=WAIT_S)
            if self.is_over:
                connection.close()
                return
            try:
                self.outcomes[number] = self.work(number)
            except Exception as error:
                self.outcomes[number] = type(error).__name__
            self.end.wait(timeout=WAIT_S)


@pytest.fixture
def orders() -> list[Order]:
    """One order a buyer: a redemption hangs on one."""
    variant = make_variant()
    return [make_order(variant=variant) for _ in range(BUYERS)]


def _reduction(discount: Discount, code: DiscountCode, *, of_code: bool = False) -> Reduction:
    return Reduction(
        discount_id=discount.pk, code_id=code.pk, code=code.code, label=discount.label, shares=(100,), shipping=0,
        is_scarce=not of_code, is_code_scarce=of_code,
    )  # fmt: skip


def _taking(orders: list[Order], reduction: Callable[[], Reduction]) -> Callable[[int], str]:
    def take(number: int) -> str:
        with transaction.atomic():
            held = redemptions.lock([reduction()])
            redemptions.take(orders[number], [reduction()], held, at=AT)
        return "taken"

    return take


def test_a_capped_discount_is_taken_as_often_as_its_cap_in_every_race(orders: list[Order]) -> None:
    discount = make_discount(code="FEW", max_uses=1)
    code = DiscountCode.objects.get()
    chance = random.Random(5)
    kind = {"of_code": False}

    with Crowd(_taking(orders, lambda: _reduction(discount, code, of_code=kind["of_code"]))) as crowd:
        for _ in range(RACES):
            cap, kind["of_code"] = chance.randint(1, BUYERS - 1), chance.random() < 0.5
            OrderDiscount.objects.all().delete()
            Discount.objects.update(max_uses=None if kind["of_code"] else cap)
            DiscountCode.objects.update(max_uses=cap if kind["of_code"] else None)

            outcomes = crowd.race()

            assert outcomes == {"taken": cap, "DiscountUsedUp": BUYERS - cap}
            assert OrderDiscount.objects.counted().count() == cap


def test_what_is_given_back_during_a_race_is_taken_once_at_most(orders: list[Order]) -> None:
    discount = make_discount(code="FEW", max_uses=3)
    code = DiscountCode.objects.get()
    take = _taking(orders, lambda: _reduction(discount, code))

    def give_back_or_take(number: int) -> str:
        if number > 0:
            return take(number)
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=orders[0].pk)
            return f"{redemptions.give_back(orders[0], at=AT)} back"

    with Crowd(give_back_or_take) as crowd:
        for _ in range(max(5, RACES // 6)):
            OrderDiscount.objects.all().delete()
            take(0)

            outcomes = crowd.race()

            counted = OrderDiscount.objects.counted()
            assert outcomes["1 back"] == 1
            assert outcomes["taken"] == counted.count()
            assert 2 <= counted.count() <= 3
            assert counted.values("use_of_discount").distinct().count() == counted.count()


def test_one_customer_in_many_tabs_has_a_discount_once(orders: list[Order]) -> None:
    discount = make_discount(code="ONCE", max_uses_per_customer=1)
    code = DiscountCode.objects.get()
    Order.objects.update(email="ada@buyer.example")
    for order in orders:
        order.refresh_from_db()

    with Crowd(_taking(orders, lambda: _reduction(discount, code))) as crowd:
        outcomes = crowd.race()

    assert outcomes == {"taken": 1, "DiscountUsedBefore": BUYERS - 1}


@pytest.fixture
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody looks before anybody writes, and nobody waits for a lock."""
    looked = threading.Barrier(BUYERS)
    find_free = redemptions._free

    def look_then_wait(*args: Any) -> int:
        free = find_free(*args)
        looked.wait(timeout=WAIT_S)
        return free

    def only_read(reductions: list[Reduction]) -> redemptions.Held:
        return redemptions.Held(Discount.objects.in_bulk([row.discount_id for row in reductions]), {})

    monkeypatch.setattr(redemptions, "lock", only_read)
    monkeypatch.setattr(redemptions, "_free", look_then_wait)


@pytest.fixture
def without_the_index() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {INDEX}")
    yield
    OrderDiscount.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE UNIQUE INDEX {INDEX} ON orders_order_discount (discount_id, use_of_discount) "
            "WHERE returned_at IS NULL"
        )


def test_control_without_lock_and_index_the_same_buyers_exceed_the_cap(
    orders: list[Order], without_the_lock: None, without_the_index: None
) -> None:
    discount = make_discount(code="FEW", max_uses=5)
    code = DiscountCode.objects.get()

    with Crowd(_taking(orders, lambda: _reduction(discount, code))) as crowd:
        outcomes = crowd.race()

    assert outcomes == {"taken": BUYERS}
    assert OrderDiscount.objects.counted().count() == BUYERS > 5


def test_without_the_lock_the_database_still_keeps_the_cap(
    orders: list[Order], without_the_lock: None
) -> None:
    discount = make_discount(code="FEW", max_uses=5)
    code = DiscountCode.objects.get()

    with Crowd(_taking(orders, lambda: _reduction(discount, code))) as crowd:
        outcomes = crowd.race()

    assert outcomes == {"taken": 1, IntegrityError.__name__: BUYERS - 1}


def test_at_the_till_five_of_twenty_four_buyers_get_the_code(
    regions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = make_variant(sku="FLK", stock=100, prices={"GBP": 1000})
    make_discount(code="FIVE", max_uses=5)
    ready = {"shipping_address": HOME, "shipping_method": "standard", "discount_codes": ["FIVE"]}
    carts = [make_cart(variant=variant, email=f"buyer-{n}@shop.example", **ready) for n in range(BUYERS)]
    monkeypatch.setattr(checkout.payments, "open_intent", lambda order, **_: _NoIntent())

    def check_out(token: str) -> Any:
        body = {"expected_total": 2000 - 200 + 595, "consents": {"terms": True}}
        try:
            return Client().post(
                f"/api/v1/carts/{token}/checkout", data=json.dumps(body), content_type="application/json"
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=BUYERS) as pool:
        answers = list(pool.map(check_out, [cart.token for cart in carts]))

    assert sum(answer.status_code == 201 for answer in answers) == 5
    refusals = [answer.json() for answer in answers if answer.status_code != 201]
    assert {refusal["code"] for refusal in refusals} <= {"discount_used_up", "cart_incomplete"}
    assert all("discount_codes" in refusal["errors"] for refusal in refusals)
    assert Order.objects.count() == OrderDiscount.objects.count() == 5


class _NoIntent:
    """Stands where an intent would: this race is about a discount."""

    client_secret = "pi_none_secret_none"
