"""The answers as the OpenAPI document shows them. `representations` builds them."""

from rest_framework import serializers

from catalog.api.representations import BEST_FIRST as STOCK_STATES
from catalog.models import Product
from catalog.usage import Method
from shop.api.fields import MoneySerializer
from shop.api.pagination import PageOut
from shop.images.api import ImageSerializer


class NetContentSerializer(serializers.Serializer):
    value = serializers.IntegerField()
    unit = serializers.CharField(help_text="g, ml or each.")


class UnitPriceSerializer(MoneySerializer):
    unit = serializers.CharField(help_text="kg, litre, oz or fl oz.")
    label = serializers.CharField(help_text="For people, e.g. £11.95 per kg.")  # type: ignore[assignment]


class RefillIntervalSerializer(serializers.Serializer):
    unit = serializers.CharField(help_text="week")
    count = serializers.IntegerField()


class VariantRefillSerializer(serializers.Serializer):
    price = MoneySerializer()
    unit_price = UnitPriceSerializer(allow_null=True)
    interval = RefillIntervalSerializer(allow_null=True, help_text="For the usual use; null if none fits.")
    quantity = serializers.IntegerField(allow_null=True)


class VariantComponentSerializer(serializers.Serializer):
    sku = serializers.CharField()
    product = serializers.SlugField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    in_refill = serializers.BooleanField()
    price = MoneySerializer(allow_null=True, help_text="What it costs by itself.")
    share = MoneySerializer(
        allow_null=True, help_text="Its part of the set's price, all units together; the shares sum to it."
    )
    unit_price = UnitPriceSerializer(allow_null=True, help_text="At its share of the set's price.")


class DimensionsSerializer(serializers.Serializer):
    length = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class ProductVariantSerializer(serializers.Serializer):
    sku = serializers.CharField()
    gtin = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    net_content = NetContentSerializer()
    gross_weight_g = serializers.IntegerField(help_text="With its packaging.")
    dimensions_mm = DimensionsSerializer(allow_null=True, help_text="Of the pack.")
    min_remaining_life_days = serializers.IntegerField(
        allow_null=True, help_text="Days before its best-before date when it leaves us, at least."
    )
    is_subscribable = serializers.BooleanField()
    price = MoneySerializer()
    list_price = MoneySerializer()
    unit_price = UnitPriceSerializer(allow_null=True)
    lowest_prior_price = MoneySerializer(
        allow_null=True, help_text="While reduced: the lowest price of the 30 days before."
    )
    reduction_percent = serializers.IntegerField(allow_null=True)
    refill = VariantRefillSerializer(allow_null=True)
    availability = serializers.ChoiceField(choices=STOCK_STATES)
    components = VariantComponentSerializer(many=True, help_text="Of a bundle.")


class ProductListItemSerializer(serializers.Serializer):
    slug = serializers.SlugField()
    name = serializers.CharField()
    summary = serializers.CharField()
    kind = serializers.ChoiceField(choices=Product.Kind.choices)
    category = serializers.SlugField()
    price_from = MoneySerializer()
    availability = serializers.ChoiceField(choices=STOCK_STATES, help_text="The best of its variants.")
    images = ImageSerializer(many=True)
    variants = ProductVariantSerializer(many=True)


class CautionSerializer(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()


class UsageGuideSerializer(serializers.Serializer):
    method = serializers.ChoiceField(choices=Method.values)
    title = serializers.CharField()
    unit = serializers.CharField(help_text="Of the doses: g per session, sprays or ml per day.")
    dose_low = serializers.FloatField()
    dose_high = serializers.FloatField()
    dose_default = serializers.FloatField()
    sessions_per_week = serializers.IntegerField()
    water_litres = serializers.IntegerField(allow_null=True)
    temperature_max_c = serializers.IntegerField(allow_null=True)
    minutes = serializers.ListField(child=serializers.IntegerField(), allow_null=True)
    frequency = serializers.CharField()
    steps = serializers.ListField(child=serializers.CharField())
    cautions = CautionSerializer(many=True)


class MagnesiumSerializer(serializers.Serializer):
    percent = serializers.FloatField(help_text="Elemental magnesium, % by weight; computed.")
    mg_per_ml = serializers.IntegerField(allow_null=True)
    mg_per_spray = serializers.FloatField(allow_null=True)


class ProductAttributesSerializer(serializers.Serializer):
    inci = serializers.CharField()
    mgcl2_percent = serializers.FloatField(allow_null=True)
    form = serializers.CharField()
    scent = serializers.CharField()
    fragrance_allergens = serializers.ListField(child=serializers.CharField())
    material = serializers.CharField()
    origin_country = serializers.CharField()
    origin_note = serializers.CharField()
    grade = serializers.CharField()
    vegan = serializers.BooleanField(allow_null=True)
    durability_months = serializers.IntegerField(allow_null=True)
    pao_months = serializers.IntegerField(allow_null=True)
    hs_code = serializers.CharField(help_text="For customs.")


class PairSerializer(serializers.Serializer):
    slug = serializers.SlugField()
    name = serializers.CharField()


class ProductDetailSerializer(ProductListItemSerializer):
    description = serializers.CharField()
    attributes = ProductAttributesSerializer()
    magnesium = MagnesiumSerializer(allow_null=True)
    usage = UsageGuideSerializer(many=True)
    cautions = CautionSerializer(many=True)
    storage = serializers.CharField()
    return_rule = serializers.CharField()
    pairs_with = PairSerializer(many=True)


class CategorySerializer(serializers.Serializer):
    slug = serializers.SlugField()
    name = serializers.CharField()
    description = serializers.CharField()


class ProductPageSerializer(PageOut):
    results = ProductListItemSerializer(many=True)


class CategoryPageSerializer(PageOut):
    results = CategorySerializer(many=True)


class EstimateDaysSerializer(serializers.Serializer):
    low = serializers.IntegerField()
    expected = serializers.IntegerField()
    high = serializers.IntegerField()


class EstimateRecommendationSerializer(serializers.Serializer):
    interval = RefillIntervalSerializer()
    interval_days = serializers.IntegerField()
    quantity = serializers.IntegerField()
    cover_percent = serializers.IntegerField(help_text="Of the need; 100 to 120.")


class EstimateReasonSerializer(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()


class EstimateLineSerializer(serializers.Serializer):
    sku = serializers.CharField()
    method = serializers.CharField()
    days = EstimateDaysSerializer(help_text="How long the packs of this line last.")
    usable_days = serializers.IntegerField(help_text="The same, ended by the shelf life.")
    recommendation = EstimateRecommendationSerializer(allow_null=True)
    reason = EstimateReasonSerializer(allow_null=True, help_text="Why there is no recommendation.")
    alternative_sku = serializers.CharField(allow_null=True)
    assumptions = serializers.DictField(child=serializers.CharField())
    first_refill_on = serializers.DateField()
    label_dose_exceeded = serializers.BooleanField()
    warnings = serializers.ListField(child=serializers.CharField())


class RefillEstimateSerializer(serializers.Serializer):
    lines = EstimateLineSerializer(many=True)


class BackInStockSerializer(serializers.Serializer):
    detail = serializers.CharField(help_text="For people; the same for every address.")
