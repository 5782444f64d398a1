"""Redemptions: taking a discount for an order under the lock of its row, giving it back, taking it again.

The caps are kept twice. Whoever takes holds the lock of the discount, and of a code with a cap of its own,
and looks for the lowest number that is free; and a number is unique while it is not given back. Giving back
needs no lock but the order's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from orders.discounts import Buyer, customer_key
from orders.discounts.rules import whose
from orders.models import Discount, DiscountCode, Order, OrderDiscount
from orders.totals import Reduction
from shop.exceptions import Conflict


class DiscountUsedUp(Conflict):
    code = "discount_used_up"
    title = "A discount has been used up"


class DiscountUsedBefore(Conflict):
    code = "discount_used_before"
    title = "A discount has been used by this customer"


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of discounts and codes that may run out, locked until the transaction ends."""

    discounts: dict[int, Discount]
    codes: dict[int, DiscountCode]


# The lowest use of a discount, or of a code, that nobody has. Uses from before the cap have no number.
_FREE_USE = """
SELECT n FROM generate_series(1, %(cap)s) AS n
WHERE NOT EXISTS (SELECT 1 FROM orders_order_discount AS taken WHERE taken.{owner} = %(owner_id)s
                  AND taken.{use} = n AND taken.returned_at IS NULL)
  AND (SELECT count(*) FROM orders_order_discount AS taken WHERE taken.{owner} = %(owner_id)s
       AND taken.returned_at IS NULL) < %(cap)s
ORDER BY n LIMIT 1
"""
_FREE_USE_OF_DISCOUNT = _FREE_USE.format(owner="discount_id", use="use_of_discount")
_FREE_USE_OF_CODE = _FREE_USE.format(owner="discount_code_id", use="use_of_code")


def lock(reductions: Sequence[Reduction]) -> Held:
    """Lock what may run out of an order's discounts, discounts first and by primary key, before the order.

    What has no cap is not locked: it never makes two customers wait for each other.
    """
    discounts = {reduction.discount_id for reduction in reductions if reduction.is_scarce}
    codes = {reduction.code_id for reduction in reductions if reduction.code_id and reduction.is_code_scarce}
    return Held(
        discounts=Discount.objects.select_for_update().order_by("pk").in_bulk(discounts) if discounts else {},
        codes=DiscountCode.objects.select_for_update().order_by("pk").in_bulk(codes) if codes else {},
    )


def take(order: Order, reductions: Sequence[Reduction], held: Held, *, at: datetime) -> None:
    """Write what discounts took off an order, each with the number of its use. What took nothing is not used.

    :raises DiscountUsedUp: if a cap was reached meanwhile. :raises DiscountUsedBefore: by this customer.
    """
    OrderDiscount.objects.bulk_create(
        OrderDiscount(
            order=order,
            position=position,
            discount_id=reduction.discount_id,
            discount_code_id=reduction.code_id,
            code=reduction.code,
            label=reduction.label,
            amount=reduction.amount,
            shipping_amount=reduction.shipping,
            user_id=order.user_id,
            customer_key=customer_key(_buyer(order, reduction)),
            taken_at=at,
            **_uses(reduction, held, _buyer(order, reduction)),
        )
        for position, reduction in enumerate(reductions, start=1)
        if reduction.saved
    )


def give_back(order: Order, *, at: datetime) -> int:
    """Let others use what an order that ended had taken; return how many were given back, each once.

    The caller holds the order's lock. What was taken off stays on the order.
    """
    return OrderDiscount.objects.counted().filter(order=order).update(returned_at=at)


def take_again(order: Order) -> bool:
    """Count the discounts of an order that stands again; return whether all of them were still free.

    A number that somebody else has by now is not counted a second time: the customer keeps the price that was
    agreed, and the cap keeps its meaning. The caller holds the order's lock.
    """
    returned = OrderDiscount.objects.filter(order=order, returned_at__isnull=False)
    counted = [_count_again(row) for row in returned]
    return all(counted)


def _count_again(row: OrderDiscount) -> bool:
    try:
        with transaction.atomic():
            OrderDiscount.objects.filter(pk=row.pk).update(returned_at=None)
    except IntegrityError:
        return False
    return True


def _buyer(order: Order, reduction: Reduction) -> Buyer:
    """Return whose use it is: by account alone for what needed no code, whatever address was typed in."""
    by_account = order.user_id is not None and not reduction.code
    return Buyer(order.user_id, "" if by_account else order.email)


def _uses(reduction: Reduction, held: Held, buyer: Buyer) -> dict[str, int]:
    """Return the numbers of a use, where there are caps."""
    uses = {}
    discount = held.discounts.get(reduction.discount_id)
    code = held.codes.get(reduction.code_id) if reduction.code_id else None
    if discount is not None and discount.max_uses is not None:
        uses["use_of_discount"] = _free(_FREE_USE_OF_DISCOUNT, discount.pk, discount.max_uses, reduction)
    if code is not None and code.max_uses is not None:
        uses["use_of_code"] = _free(_FREE_USE_OF_CODE, code.pk, code.max_uses, reduction)
    if discount is not None and discount.uses_per_customer is not None:
        uses["use_by_customer"] = _free_of_customer(discount, buyer, reduction)
    return uses


def _free(statement: str, owner_id: int, cap: int, reduction: Reduction) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"cap": cap, "owner_id": owner_id})
        found = cursor.fetchone()
    if found is None:
        name = reduction.code or reduction.label
        raise DiscountUsedUp(
            f"{name} has just been used up. Look at the total and order again.",
            fields={"discount_codes": [f"{name} has been used up."]},
        )
    return int(found[0])


def _free_of_customer(discount: Discount, buyer: Buyer, reduction: Reduction) -> int:
    cap = discount.uses_per_customer or 0
    rows = OrderDiscount.objects.counted().filter(whose(buyer), discount=discount)
    taken = list(rows.values_list("use_by_customer", flat=True))
    free = next((use for use in range(1, cap + 1) if use not in taken), None)
    if free is None or len(taken) >= cap:
        name = reduction.code or reduction.label
        raise DiscountUsedBefore(
            f"{name} has been used with this account or address before. Take it out to go on.",
            fields={"discount_codes": [f"{name} was used before."]},
        )
    return free
