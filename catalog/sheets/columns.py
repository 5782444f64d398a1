"""The columns of each kind of file, for import and export alike: django-import-export's resources.

A column's name is also the attribute of the row, so that what is exported can be imported again.
"""

from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import Widget

from catalog.models import ImportJob
from catalog.sheets.cells import Day, Fraction, Moment, OptionalText, Text, Whole, Words, YesNo

Kind = ImportJob.Kind


def column(name: str, widget: Widget) -> Field:
    return Field(attribute=name, column_name=name, widget=widget)


class ProductColumns(Resource):
    code = column("code", Text())
    name = column("name", Text())
    slug = column("slug", Text())
    category = column("category", Text())
    kind = column("kind", Text())
    published = column("published", YesNo())
    position = column("position", Whole())
    summary = column("summary", Text())
    description = column("description", Text())
    inci = column("inci", Text())
    mgcl2_percent = column("mgcl2_percent", Fraction())
    density_g_per_ml = column("density_g_per_ml", Fraction())
    ml_per_spray = column("ml_per_spray", Fraction())
    form = column("form", Text())
    scent = column("scent", Text())
    fragrance_allergens = column("fragrance_allergens", Words())
    material = column("material", Text())
    origin_country = column("origin_country", Text())
    origin_note = column("origin_note", Text())
    grade = column("grade", Text())
    vegan = column("vegan", YesNo())
    caution_codes = column("caution_codes", Words())
    storage = column("storage", Text())
    durability_months = column("durability_months", Whole())
    pao_months = column("pao_months", Whole())
    hs_code = column("hs_code", Text())
    tax_code = column("tax_code", Text())
    return_rule = column("return_rule", Text())
    regulatory_class = column("regulatory_class", Text())


class VariantColumns(Resource):
    sku = column("sku", Text())
    product = column("product", Text())
    name = column("name", Text())
    gtin = column("gtin", OptionalText())
    net_content = column("net_content", Whole())
    net_unit = column("net_unit", Text())
    gross_weight_g = column("gross_weight_g", Whole())
    length_mm = column("length_mm", Whole())
    width_mm = column("width_mm", Whole())
    height_mm = column("height_mm", Whole())
    has_lots = column("has_lots", YesNo())
    min_remaining_life_days = column("min_remaining_life_days", Whole())
    reorder_point = column("reorder_point", Whole())
    reorder_quantity = column("reorder_quantity", Whole())
    lead_time_days = column("lead_time_days", Whole())
    subscribable = column("subscribable", YesNo())
    refill_discount_percent = column("refill_discount_percent", Fraction())
    position = column("position", Whole())
    archived = column("archived", YesNo())


class PriceColumns(Resource):
    sku = column("sku", Text())
    currency = column("currency", Text())
    kind = column("kind", Text())
    amount = column("amount", Fraction())
    starts_at = column("starts_at", Moment())
    ends_at = column("ends_at", Moment())


class CountColumns(Resource):
    sku = column("sku", Text())
    lot = column("lot", Text())
    counted = column("counted", Whole())
    reason = column("reason", Text())


class LotColumns(Resource):
    sku = column("sku", Text())
    lot = column("lot", Text())
    quantity = column("quantity", Whole())
    best_before_on = column("best_before_on", Day())
    packed_on = column("packed_on", Day())
    supplier_lot = column("supplier_lot", Text())
    note = column("note", Text())
    released = column("released", YesNo())


RESOURCES: dict[str, type[Resource]] = {
    Kind.PRODUCTS: ProductColumns,
    Kind.VARIANTS: VariantColumns,
    Kind.PRICES: PriceColumns,
    Kind.COUNTS: CountColumns,
    Kind.LOTS: LotColumns,
}
# Without these a file of that kind says nothing. Other columns may be left out.
REQUIRED: dict[str, tuple[str, ...]] = {
    Kind.PRODUCTS: ("code",),
    Kind.VARIANTS: ("sku",),
    Kind.PRICES: ("sku", "currency", "kind", "amount"),
    Kind.COUNTS: ("sku", "lot", "counted"),
    Kind.LOTS: ("sku", "lot", "quantity", "best_before_on"),
}


def names_of(kind: str) -> list[str]:
    """Return the names of the columns of a kind, in their order."""
    return RESOURCES[kind]().get_export_headers()
