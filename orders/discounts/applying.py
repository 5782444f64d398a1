"""What discounts take off the lines and the shipping of one order. Pure arithmetic: no rows are read."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders.discounts.rules import Refusal, Rule
from orders.models import Discount
from orders.shipping import ShippingOption
from orders.totals import PricedLine, Reduction
from shop import money

Kind = Discount.Kind


@dataclass(frozen=True, slots=True)
class Applied:
    """What is taken off, in the order in which it was taken, and the codes that came to nothing."""

    reductions: tuple[Reduction, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def apply(
    rules: Sequence[Rule],
    lines: Sequence[PricedLine],
    *,
    currency: str,
    shipping: ShippingOption | None = None,
) -> Applied:
    """Return what discounts take off, in the one order that the package's docstring names.

    Of a discount that stands alone and all the others together, what saves more holds; the others if equal.
    """
    shipping_price = shipping.amount if shipping else 0
    refusals, fitting = [], []
    for rule in rules:
        refusal = _misfit(rule, lines, currency)
        if refusal is None:
            fitting.append(rule)
        elif rule.code is not None:
            refusals.append(refusal)
    together = [rule for rule in fitting if rule.discount.is_combinable]
    choices = [together, *([rule] for rule in fitting if not rule.discount.is_combinable)]
    best, taken = max(
        ((_take(choice, lines, shipping_price), choice) for choice in choices),
        key=lambda found: sum(reduction.saved for reduction in found[0]),
    )
    left_out = [_not_combined(rule.code.code) for rule in fitting if rule.code and rule not in taken]
    return Applied(reductions=tuple(best), refusals=(*refusals, *left_out))


def _misfit(rule: Rule, lines: Sequence[PricedLine], currency: str) -> Refusal | None:
    """Return why a discount that holds does not fit these goods."""
    covered = [line.unit_price * line.quantity for line in lines if rule.covers(line)]
    code = rule.code.code if rule.code else ""
    if not covered:
        words = "This code is not for anything in the cart. Add what it is for, or take it out."
        return Refusal("code_not_for_these", words, code)
    missing = rule.minimum_spend - sum(covered)
    if missing > 0:
        least, more = (money.format_money(amount, currency) for amount in (rule.minimum_spend, missing))
        words = f"This code needs goods for {least}: add some for {more}, or take it out."
        return Refusal("code_minimum", words, code)
    return None


def _take(rules: Sequence[Rule], lines: Sequence[PricedLine], shipping_price: int) -> list[Reduction]:
    """Return what discounts that may be used together take off, each of what those before it left."""
    left = [line.unit_price * line.quantity for line in lines]
    found = []
    for rule in sorted(rules, key=_turn):
        if rule.discount.kind == Kind.FREE_SHIPPING:
            found.append(_reduction(rule, [0] * len(lines), shipping_price))
            shipping_price = 0
            continue
        shares = _shares(rule, lines, left)
        left = [amount - share for amount, share in zip(left, shares, strict=True)]
        found.append(_reduction(rule, shares, 0))
    return [reduction for reduction in found if reduction.code or reduction.saved]


def _turn(rule: Rule) -> tuple[bool, bool, bool, int]:
    """Return a rule's place in the stacking order."""
    return (
        rule.discount.kind == Kind.FREE_SHIPPING,
        rule.code is not None,
        rule.discount.kind == Kind.FIXED,
        rule.discount.pk,
    )


def _shares(rule: Rule, lines: Sequence[PricedLine], left: Sequence[int]) -> list[int]:
    """Spread what a discount takes off over what is left of the lines it covers, by largest remainder."""
    weights = [amount if rule.covers(line) else 0 for line, amount in zip(lines, left, strict=True)]
    goods = sum(weights)
    percent = rule.discount.percent
    off = rule.amount_off if percent is None else money.percent_of(goods, percent)
    return money.split_by_weight(min(off, goods), weights)


def _reduction(rule: Rule, shares: Sequence[int], shipping: int) -> Reduction:
    return Reduction(
        discount_id=rule.discount.pk,
        code_id=rule.code.pk if rule.code else None,
        code=rule.code.code if rule.code else "",
        label=rule.discount.label,
        shares=tuple(shares),
        shipping=shipping,
        is_scarce=rule.discount.is_scarce,
        is_code_scarce=rule.code is not None and rule.code.max_uses is not None,
    )


def _not_combined(code: str) -> Refusal:
    words = "This code cannot be combined with what already lowers the order by more. Take it out."
    return Refusal("code_not_combined", words, code)
