"""Reads: what can be promised, what a cart needs, and which lots a picker takes."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects

from catalog.inventory.ledger import NotEnoughStock
from catalog.models import BundleComponent, Lot, StockLevel, Variant

# From here down a customer is told that few are left: a fact about the shelf, not a nudge.
LOW_STOCK_UNITS = 10

Pick = tuple[int, int | None, int]


def demand_of(lines: Iterable[tuple[Variant, int]], *, refill: bool = False) -> dict[int, int]:
    """Return the units needed of each stocked variant, by variant id: bundles count as their components.

    With `refill`, a bundle counts only the components that come back with a refill. One query at most, none
    if the variants' `components` are prefetched.
    """
    taken = list(lines)
    prefetch_related_objects([variant for variant, _ in taken], "components")
    demand: dict[int, int] = defaultdict(int)
    for variant, quantity in taken:
        components = list(variant.components.all())
        if not components:
            demand[variant.pk] += quantity
        for component in components:
            if component.in_refill or not refill:
                demand[component.variant_id] += component.quantity * quantity
    return dict(demand)


def availability(variant_ids: Iterable[int], *, parts: Collection[int] = ()) -> dict[int, int]:
    """Return the units that can still be promised, by variant id; 0 where nothing was ever received.

    Of those named in `parts`, which are wanted for a bundle, 0 too if they are no longer sold. Bundles have
    no stock of their own: ask `available_for`.
    """
    wanted = set(variant_ids)
    rows = StockLevel.objects.filter(variant_id__in=wanted).values_list(
        "variant_id", "on_hand", "reserved", "variant__archived_at", "variant__product__is_published"
    )
    found = {
        variant_id: on_hand - reserved
        for variant_id, on_hand, reserved, archived_at, is_published in rows
        if variant_id not in parts or (archived_at is None and is_published)
    }
    return {variant_id: found.get(variant_id, 0) for variant_id in wanted}


def available_for(variants: Iterable[Variant]) -> dict[int, int]:
    """Return the units that can still be promised of each variant; of a bundle, min(component ÷ quantity),
    and none if a component is no longer sold.

    Two queries at most, one if the variants' `components` are prefetched.
    """
    taken = list(variants)
    prefetch_related_objects(taken, "components")
    needs = {variant.pk: demand_of([(variant, 1)]) for variant in taken}
    parts = {component.variant_id for variant in taken for component in variant.components.all()}
    left = availability({variant_id for need in needs.values() for variant_id in need}, parts=parts)
    return {pk: min(left[variant_id] // n for variant_id, n in need.items()) for pk, need in needs.items()}


def with_stock(variants: "QuerySet[Variant]") -> "QuerySet[Variant]":
    """Load variants with all that `available_of` looks at: two queries whatever their number."""
    components = BundleComponent.objects.select_related("variant__stock", "variant__product")
    return variants.select_related("stock").prefetch_related(Prefetch("components", components))


def available_of(variant: Variant) -> int:
    """Return the units that can still be promised of a variant loaded by `with_stock`, without a query."""
    components = list(variant.components.all())
    if components:
        return min(
            _units_left(part.variant) // part.quantity if part.variant.is_sold else 0 for part in components
        )
    return _units_left(variant)


def _units_left(variant: Variant) -> int:
    """Return the units left of a stocked variant whose `stock` is loaded; 0 if it never had any."""
    level: StockLevel | None = getattr(variant, "stock", None)
    return level.available if level else 0


def stocked() -> Q:
    """Return the condition on variants that at least one can be promised, bundles by their parts."""
    part_is_short = BundleComponent.objects.filter(bundle=OuterRef("pk")).exclude(
        variant__stock__on_hand__gte=F("variant__stock__reserved") + F("quantity"),
        variant__archived_at__isnull=True,
        variant__product__is_published=True,
    )
    is_bundle = Exists(BundleComponent.objects.filter(bundle=OuterRef("pk")))
    has_units = Q(stock__on_hand__gt=F("stock__reserved"))
    return (has_units & ~is_bundle) | (Q(is_bundle) & ~Exists(part_is_short))


def stock_state(available: int) -> str:
    """Return the word for a shelf: in_stock, low or out."""
    if available <= 0:
        return "out"
    return "low" if available <= LOW_STOCK_UNITS else "in_stock"


def low_levels(at: datetime) -> "QuerySet[StockLevel]":
    """Return the stock that is at or under its reorder point, of goods that are still sold."""
    return StockLevel.objects.filter(
        variant__archived_at__isnull=True, on_hand__lte=F("reserved") + F("variant__reorder_point")
    )


def pick_fefo(variant_id: int, quantity: int, on: date) -> list[Pick]:
    """Return which lots to take `quantity` units from, earliest best-before first, as consume() takes them.

    Lots nearer to best-before than the variant's minimum remaining life on that date are passed over; lots
    without a date come last. A variant without lots answers with one pick of no lot.
    :raises NotEnoughStock: if the lots that may be sold do not cover it.
    """
    variant = Variant.objects.only("is_lot_tracked", "min_remaining_life_days", "sku").get(pk=variant_id)
    if not variant.is_lot_tracked:
        return [(variant_id, None, quantity)]
    picks: list[Pick] = []
    for lot_id, on_hand in _sellable_lots(variant, on):
        take = min(on_hand, quantity - sum(n for _, _, n in picks))
        if take:
            picks.append((variant_id, lot_id, take))
    found = sum(n for _, _, n in picks)
    if found < quantity:
        raise NotEnoughStock(f"The lots of {variant.sku} that may be sold hold {found} of {quantity} units.")
    return picks


def _sellable_lots(variant: Variant, on: date) -> "Iterable[tuple[int, int]]":
    earliest = on + timedelta(days=variant.min_remaining_life_days)
    lots = Lot.objects.filter(
        Q(best_before_on__gte=earliest) | Q(best_before_on__isnull=True),
        variant=variant,
        status=Lot.Status.RELEASED,
        on_hand__gt=0,
    )
    # PostgreSQL sorts NULL last in ascending order: undated lots after dated ones.
    return lots.order_by("best_before_on", "pk").values_list("pk", "on_hand")
