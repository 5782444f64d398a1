"""The catalogue's addresses: everybody may read, nobody needs to be known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import inventory, pricing, search, usage
from catalog.api import inputs, representations, schema
from catalog.models import Category, Product, Variant
from shop.api.fields import read_query
from shop.api.pagination import PAGE_PARAMETERS, CursorPages
from shop.api.permissions import Public
from shop.clock import reading
from shop.exceptions import InvalidInput, NotFound

PAGES = [
    OpenApiParameter("cursor", str, description="Where the page begins, from `next` or `previous`."),
    OpenApiParameter("page_size", int, description="1 to 100; 24 without it."),
]

ORDER_FIELDS = {"position": "position", "name": "name", "price": "price_from"}

ONE_BY_ONE = "Give this for the SKUs of the set, one by one."


class OpenView(APIView):
    """For everybody: no session is read, so no cookie is needed."""

    permission_classes = (Public,)
    authentication_classes = ()


class ProductList(OpenView):
    @extend_schema(
        operation_id="products_list",
        parameters=[inputs.ProductListQuery, *PAGES],
        responses=schema.ProductPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Products with their variants, prices and availability."""
        query = read_query(request, inputs.ProductListQuery, also=PAGE_PARAMETERS)
        products = Product.objects.visible()
        if "kind" in query:
            products = products.filter(kind=query["kind"])
        elif "q" not in query:
            products = products.goods()
        return _page(self, request, _filtered(products, query), query)


class BundleList(OpenView):
    @extend_schema(
        operation_id="bundles_list",
        parameters=[inputs.BundleListQuery, *PAGES],
        responses=schema.ProductPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Bundles with what they are made of."""
        query = read_query(request, inputs.BundleListQuery, also=PAGE_PARAMETERS)
        return _page(self, request, Product.objects.visible().bundles(), query)


class ProductDetail(OpenView):
    @extend_schema(
        operation_id="products_retrieve",
        parameters=[inputs.CurrencyQuery],
        responses=schema.ProductDetailSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        """One product, or bundle, with directions, cautions and computed magnesium."""
        return _detail(request, Product.objects.visible(), slug)


class BundleDetail(OpenView):
    @extend_schema(
        operation_id="bundles_retrieve",
        parameters=[inputs.CurrencyQuery],
        responses=schema.ProductDetailSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        """One bundle with what it is made of."""
        return _detail(request, Product.objects.visible().bundles(), slug)


class CategoryList(OpenView):
    @extend_schema(operation_id="categories_list", parameters=PAGES, responses=schema.CategoryPageSerializer)
    def get(self, request: Request) -> Response:
        """The shelves of the shop, in their order."""
        read_query(request, inputs.NoQuery, also=PAGE_PARAMETERS)
        pages = CursorPages().ordered_by("position", "id")
        rows = pages.paginate_queryset(Category.objects.all(), request, self) or []
        return pages.get_paginated_response(
            [{"slug": row.slug, "name": row.name, "description": row.description} for row in rows]
        )


class RefillEstimate(OpenView):
    @extend_schema(
        operation_id="refill_estimate",
        request=inputs.RefillEstimateInput,
        responses=schema.RefillEstimateSerializer,
    )
    def post(self, request: Request) -> Response:
        """How long packs last, and which refill covers the need. Nothing is stored."""
        body = inputs.RefillEstimateInput(data=request.data)
        body.is_valid(raise_exception=True)
        found = usage.estimate(_uses(body.validated_data["lines"]), on=inventory.shop_date(reading.now()))
        return Response({"lines": [representations.estimate_line(line) for line in found]})


def _filtered(products: "QuerySet[Product]", query: Mapping[str, Any]) -> "QuerySet[Product]":
    variants = Variant.objects.filter(product=OuterRef("pk"), archived_at__isnull=True)
    if "category" in query:
        products = products.filter(category__slug=query["category"])
    if "q" in query:
        products = search.matching(products, search.understand(query["q"]))
    if query["in_stock"] is not None:
        some = Exists(variants.filter(inventory.stocked()))
        products = products.filter(some if query["in_stock"] else ~some)
    if query["subscribable"] is not None:
        some = Exists(variants.filter(is_subscribable=True))
        products = products.filter(some if query["subscribable"] else ~some)
    return products


def _page(
    view: APIView, request: Request, products: "QuerySet[Product]", query: Mapping[str, Any]
) -> Response:
    at = reading.now()
    pages = CursorPages().ordered_by(*_order(query))
    rows = pages.paginate_queryset(_priced(products, query["currency"], at), request, view) or []
    offers = representations.offers_of(rows, query["currency"], at)
    return pages.get_paginated_response([representations.product_item(row, offers) for row in rows])


def _order(query: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the order of a page: a search comes best first, unless another order was asked for."""
    asked = query.get("ordering", "relevance" if "q" in query else "position")
    if asked == "relevance":
        return ("-relevance", "position", "id") if "q" in query else ("position", "id")
    name = asked.lstrip("-")
    direction = "-" if asked != name else ""
    return f"{direction}{ORDER_FIELDS[name]}", f"{direction}id"


def _detail(request: Request, products: "QuerySet[Product]", slug: str) -> Response:
    at, currency = reading.now(), read_query(request, inputs.CurrencyQuery)["currency"]
    rows = list(_priced(products.filter(slug=slug), currency, at).prefetch_related("pairs_with"))
    if not rows:
        raise NotFound(f"There is no product {slug[:120]} with a price in {currency}.")
    offers = representations.offers_of(rows, currency, at)
    return Response(representations.product_detail(rows[0], offers))


def _priced(products: "QuerySet[Product]", currency: str, at: datetime) -> "QuerySet[Product]":
    return representations.loaded(pricing.with_current_price(products, currency, at))


def _uses(lines: Sequence[Mapping[str, Any]]) -> list[usage.Use]:
    """Return the uses behind the lines: a bundle stands for its consumable components.

    :raises InvalidInput: naming the lines whose SKU is not sold.
    """
    wanted = {line["sku"] for line in lines}
    sold = Variant.objects.sellable().filter(sku__in=wanted).select_related("product")
    variants = {variant.sku: variant for variant in sold.prefetch_related("components__variant__product")}
    unknown = [index for index, line in enumerate(lines) if line["sku"] not in variants]
    if unknown:
        said = {f"lines.{index}.sku": ["There is no such variant."] for index in unknown}
        raise InvalidInput("Check the SKUs.", fields=said)
    return [use for i, line in enumerate(lines) for use in _uses_of(variants[line["sku"]], line, i)]


def _uses_of(variant: Variant, line: Mapping[str, Any], index: int) -> list[usage.Use]:
    facts = {name: value for name, value in line.items() if name not in ("sku", "quantity")}
    if "method" in facts:
        facts["method"] = usage.Method(facts["method"])
    parts = [part for part in variant.components.all() if part.in_refill]
    if not parts:
        return [usage.Use(variant, line["quantity"], **facts)]
    of_one_part = {
        f"lines.{index}.{name}": [ONE_BY_ONE] for name in facts if name != "people" and facts[name]
    }
    if of_one_part:
        raise InvalidInput("A set holds several things.", fields=of_one_part)
    return [
        usage.Use(part.variant, line["quantity"] * part.quantity, people=line["people"])
        for part in parts
        if usage.is_consumable(part.variant)
    ]
