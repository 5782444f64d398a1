"""Discounts for tests, by default 10 % off everything for a code that anybody may use."""

from datetime import timedelta
from typing import Any

from orders.models import Discount, DiscountAmount, DiscountCode
from tests.factories.catalog import AT


def make_discount(
    *,
    code: str = "",
    off: dict[str, int] | None = None,
    minimum: dict[str, int] | None = None,
    code_uses: int | None = None,
    **fields: Any,
) -> Discount:
    """Return a discount: `off` and `minimum` are minor units by currency; without a code it is automatic."""
    kind = fields.pop("kind", "fixed" if off else "percent")
    products, categories = fields.pop("products", []), fields.pop("categories", [])
    defaults: dict[str, Any] = {
        "label": "Ten per cent off",
        "kind": kind,
        "percent": "10" if kind == "percent" else None,
        "is_automatic": not code,
        "starts_at": AT - timedelta(days=10),
        "created_at": AT,
    }
    discount = Discount.objects.create(**{**defaults, **fields})
    discount.products.set(products)
    discount.categories.set(categories)
    for currency in {*(off or {}), *(minimum or {})}:
        DiscountAmount.objects.create(
            discount=discount,
            currency=currency,
            amount_off=(off or {}).get(currency),
            minimum_spend=(minimum or {}).get(currency),
        )
    if code:
        DiscountCode.objects.create(discount=discount, code=code, max_uses=code_uses, created_at=AT)
    return discount
