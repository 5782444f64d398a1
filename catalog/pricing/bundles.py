"""How the price of a bundle splits over what it is made of."""

from collections.abc import Mapping

from django.db.models import prefetch_related_objects

from catalog.models import Variant
from catalog.pricing.offers import NotPriced, Offer
from shop.money import split_by_weight


def component_shares(
    bundle: Variant, amount: int, offers: Mapping[int, Offer]
) -> list[tuple[Variant, int, int]]:
    """Split a bundle's price over its components: (component, units in one bundle, share of the amount).

    By list price × units, largest remainder, so the shares sum to `amount` exactly. Minor units.
    No query if the bundle's components and their variants are loaded.
    :raises NotPriced: if a component has no offer among `offers`.
    """
    prefetch_related_objects([bundle], "components__variant")
    components = list(bundle.components.all())
    for component in components:
        if component.variant_id not in offers:
            raise NotPriced(f"{component.variant.sku} has no price.", sku=component.variant.sku)
    weights = [offers[c.variant_id].list_amount * c.quantity for c in components]
    shares = split_by_weight(amount, weights)
    return [(c.variant, c.quantity, share) for c, share in zip(components, shares, strict=True)]
