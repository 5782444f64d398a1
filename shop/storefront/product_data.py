"""A product as schema.org describes one, for search engines: what the page says, and not a word besides.

No rating, because there are no reviews. Source: https://schema.org/Product, https://schema.org/Offer.
"""

from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

from content.rendering import as_json_script
from shop.money import to_major
from shop.storefront.product_page import ProductPage, Size

AVAILABILITY = {
    "in_stock": "https://schema.org/InStock",
    "low": "https://schema.org/LimitedAvailability",
    "out": "https://schema.org/OutOfStock",
}
UNIT_CODES = {"g": "GRM", "ml": "MLT"}


def json_ld(page: ProductPage) -> dict[str, Any]:
    """Return the Product with an Offer for each size, and the way to it."""
    product = page.product
    url = _absolute(f"/products/{product.slug}")
    described: dict[str, Any] = {
        "@type": "Product",
        "@id": f"{url}#product",
        "name": product.name,
        "description": product.summary or product.description,
        "url": url,
        "brand": {"@type": "Brand", "name": settings.SHOP_NAME},
        "category": product.category.name,
        "offers": [_offer(size, url) for size in page.sizes],
    }
    if page.pictures:
        described["image"] = [_absolute(picture.src) for picture in page.pictures]
    if len(page.sizes) == 1:
        described.update(_identifiers(page.sizes[0]))
    return {"@context": "https://schema.org", "@graph": [described, _breadcrumbs(page, url)]}


def script(page: ProductPage) -> SafeString:
    """Return the description as the inside of a script element."""
    return as_json_script(json_ld(page))


def _offer(size: Size, url: str) -> dict[str, Any]:
    offer, variant = size.offer, size.variant
    price: dict[str, Any] = {
        "@type": "UnitPriceSpecification",
        "price": str(to_major(offer.amount, offer.currency)),
        "priceCurrency": offer.currency,
        "valueAddedTaxIncluded": offer.currency != "USD",
    }
    if variant.net_unit in UNIT_CODES:
        price["referenceQuantity"] = {
            "@type": "QuantitativeValue",
            "value": variant.net_content,
            "unitCode": UNIT_CODES[variant.net_unit],
        }
    return {
        "@type": "Offer",
        "name": variant.name,
        **_identifiers(size),
        "url": f"{url}?size={variant.sku}",
        "price": str(to_major(offer.amount, offer.currency)),
        "priceCurrency": offer.currency,
        "priceSpecification": price,
        "availability": AVAILABILITY[size.stock],
        "itemCondition": "https://schema.org/NewCondition",
        "seller": {"@type": "Organization", "name": settings.SHOP_NAME},
    }


def _identifiers(size: Size) -> dict[str, str]:
    gtin = size.variant.gtin
    return {"sku": size.variant.sku, **({"gtin": gtin} if gtin else {})}


def _breadcrumbs(page: ProductPage, url: str) -> dict[str, Any]:
    product = page.product
    shelf = _absolute(f"/?category={product.category.slug}")
    crumbs = [(settings.SHOP_NAME, _absolute("/")), (product.category.name, shelf), (product.name, url)]
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": address}
            for place, (name, address) in enumerate(crumbs, start=1)
        ],
    }


def _absolute(path: str) -> str:
    return path if "://" in path else f"{settings.BASE_URL}{path}"
