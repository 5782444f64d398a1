"""Which discounts hold for a cart and its buyer at a moment, and why an entered code does not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from orders.models import Discount, DiscountCode, Order, OrderDiscount
from orders.totals import PricedLine
from shop.mail import recipients


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, as far as it is known. Personal limits count by account and by e-mail address."""

    user_id: int | None = None
    email: str = ""


NOBODY = Buyer()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a code takes nothing off, in a word for programs and a sentence for people."""

    reason: str
    detail: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A discount as it stands in one currency, opened by a code or by itself. Minor units."""

    discount: Discount
    code: DiscountCode | None
    amount_off: int
    minimum_spend: int
    category_ids: frozenset[int]
    product_ids: frozenset[int]

    def covers(self, line: PricedLine) -> bool:
        """Return whether a line is among the goods that this discount is for."""
        if line.refill_unit and not self.discount.includes_refills:
            return False
        product = line.variant.product
        if self.discount.scope == Discount.Scope.CATEGORIES:
            return product.category_id in self.category_ids
        return self.discount.scope == Discount.Scope.EVERYTHING or product.pk in self.product_ids


def customer_key(buyer: Buyer) -> str:
    """Return a digest of an e-mail address, the same in any case and without a +tag; else of the account."""
    named = "@".join(_parts(buyer.email)) if buyer.email else f"account {buyer.user_id}"
    return salted_hmac("orders.discounts", named, algorithm="sha256").hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Known:
    """Codes by their text, and discounts by id: those that the codes open, and the automatic ones."""

    codes: Mapping[str, DiscountCode]
    discounts: Mapping[int, Discount]


def know(codes: Collection[str], *, at: datetime) -> Known:
    """Read what `find` needs to know of these codes, so that it can be asked for many buyers."""
    entered = {row.code: row for row in DiscountCode.objects.filter(code__in=codes)} if codes else {}
    discounts = {row.pk: row for row in _load({row.discount_id for row in entered.values()}, at)}
    return Known(entered, discounts)


def find(
    codes: Sequence[str], *, currency: str, buyer: Buyer, at: datetime, known: Known | None = None
) -> tuple[list[Rule], list[Refusal]]:
    """Return the discounts that hold, automatic ones and those that codes open, and the codes refused.

    What is automatic and personal holds only for who is signed in. A code's personal limits are looked at as
    far as the buyer is known: those of a guest at the checkout. With `known` nothing but caps and personal
    limits is asked of the database.
    """
    known = known or know(codes, at=at)
    entered, discounts = known.codes, known.discounts
    rules = [
        _rule(row, None, currency)
        for row in discounts.values()
        if row.is_automatic and _holds(row, at) and _is_open(row, buyer)
    ]
    refusals = []
    for text in codes:
        code = entered.get(text)
        found = _check(code, discounts[code.discount_id] if code else None, rules, currency, buyer, at)
        if isinstance(found, Rule):
            rules.append(found)
        else:
            refusals.append(Refusal(found.reason, found.detail, text))
    return rules, refusals


def _load(ids: Collection[int], at: datetime) -> QuerySet[Discount]:
    """Return discounts by id, and those that need no code, with all that they depend on."""
    automatic = Q(is_automatic=True, is_active=True, starts_at__lte=at)
    not_over = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
    rows = Discount.objects.filter((automatic & not_over) | Q(pk__in=ids))
    return rows.order_by("pk").prefetch_related("amounts", "categories", "products")


def _holds(discount: Discount, at: datetime) -> bool:
    is_over = discount.ends_at is not None and discount.ends_at <= at
    return discount.is_active and discount.starts_at <= at and not is_over


def _is_open(discount: Discount, buyer: Buyer) -> bool:
    """Return whether an automatic discount is left for this buyer. Its personal limits count by account."""
    if discount.is_personal and buyer.user_id is None:
        return False
    return not _is_used_up(discount) and _personal(discount, Buyer(buyer.user_id)) is None


def _check(
    code: DiscountCode | None,
    discount: Discount | None,
    rules: Sequence[Rule],
    currency: str,
    buyer: Buyer,
    at: datetime,
) -> Rule | Refusal:
    """Return the rule that an entered code opens, or why it opens none."""
    if code is None or discount is None or not code.is_active or not discount.is_active:
        return Refusal("code_unknown", "We do not know this code. Check how it is spelt, or take it out.")
    if at < discount.starts_at:
        return Refusal("code_not_yet", f"This code holds from {discount.starts_at:%-d %B %Y} on.")
    if not _holds(discount, at):
        return Refusal("code_expired", "This code is no longer valid. Take it out to go on.")
    if any(rule.discount == discount for rule in rules):
        return Refusal("code_not_combined", "This discount is part of the order already. Take the code out.")
    rule = _rule(discount, code, currency)
    if discount.kind == Discount.Kind.FIXED and not rule.amount_off:
        return Refusal("code_not_here", f"This code is not for orders in {currency}. Take it out.")
    if _is_used_up(discount) or _is_code_used_up(code):
        return Refusal("code_used_up", "This code has been used up. Take it out to go on.")
    return _personal(discount, buyer) or rule


def _rule(discount: Discount, code: DiscountCode | None, currency: str) -> Rule:
    row = next((row for row in discount.amounts.all() if row.currency == currency), None)
    return Rule(
        discount=discount,
        code=code,
        amount_off=(row.amount_off or 0) if row else 0,
        minimum_spend=(row.minimum_spend or 0) if row else 0,
        category_ids=frozenset(category.pk for category in discount.categories.all()),
        product_ids=frozenset(product.pk for product in discount.products.all()),
    )


def _is_used_up(discount: Discount) -> bool:
    cap = discount.max_uses
    return cap is not None and OrderDiscount.objects.counted().filter(discount=discount).count() >= cap


def _is_code_used_up(code: DiscountCode) -> bool:
    cap = code.max_uses
    return cap is not None and OrderDiscount.objects.counted().filter(discount_code=code).count() >= cap


def _personal(discount: Discount, buyer: Buyer) -> Refusal | None:
    """Return why this buyer may not have a discount, as far as we know who it is."""
    cap = discount.uses_per_customer
    if cap is None or buyer == NOBODY:
        return None
    if discount.first_order_only and _has_ordered(buyer):
        return Refusal("code_used_before", "This code is for a first order, once a customer. Take it out.")
    used = OrderDiscount.objects.counted().filter(whose(buyer), discount=discount).count()
    if used >= cap:
        return Refusal("code_used_before", "You have used this code before. Take it out to go on.")
    return None


def whose(buyer: Buyer) -> Q:
    """Return the condition for a buyer's redemptions: by account, by e-mail address, or both."""
    by_account = Q(user_id=buyer.user_id) if buyer.user_id is not None else Q(pk__in=[])
    return (by_account | Q(customer_key=customer_key(buyer))) if buyer.email else by_account


def _has_ordered(buyer: Buyer) -> bool:
    """Return whether this buyer, or somebody with their address in any spelling, has paid an order."""
    mine = Q(user_id=buyer.user_id) if buyer.user_id is not None else Q(pk__in=[])
    if buyer.email:
        local, domain = _parts(buyer.email)
        mine |= recipients.written_as(f"{local}@{domain}") | recipients.tagged(local, domain)
    return Order.objects.filter(mine, paid_at__isnull=False).exists()


def _parts(email: str) -> tuple[str, str]:
    local, _, domain = email.strip().lower().rpartition("@")
    return local.partition("+")[0], domain
