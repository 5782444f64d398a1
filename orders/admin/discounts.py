"""Discounts, their codes, and what they took off which order."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import TabularInline
from unfold.decorators import action

from orders import discounts
from orders.admin.discount_forms import AmountForm, AmountFormSet, CodeForm, DiscountForm, GenerateForm
from orders.models import Discount, DiscountAmount, DiscountCode, OrderDiscount
from shop import sheets
from shop.admin import (
    Question,
    ReadOnlyAdmin,
    ShopAdmin,
    Table,
    act,
    counted,
    key_of,
    register,
    time_column,
    when,
)
from shop.clock import reading
from shop.money import format_money

SHOWN = 20
_USED = Count("redemptions", filter=Q(redemptions__returned_at__isnull=True))


class AmountInline(TabularInline):
    model = DiscountAmount
    form = AmountForm
    formset = AmountFormSet
    fields = ("currency", "off", "minimum")
    extra = 0
    hide_title = True
    verbose_name_plural = "Amounts and minimum spend by currency"


@register(Discount)
class DiscountAdmin(ShopAdmin):
    form = DiscountForm
    list_display = ("label", "takes_off", "opened_by", "starts", "ends", "used", "is_active")
    list_filter = ("is_active", "is_automatic", "kind")
    search_fields = ("label__istartswith", "codes__code__startswith")
    search_help_text = "The beginning of a label, or of a code in capitals"
    autocomplete_fields = ("categories", "products")
    inlines = (AmountInline,)
    actions_detail = ("generate", "download_codes")
    fieldsets = (
        ("What customers read and get", {"fields": ("label", ("kind", "percent"))}),
        ("What it is taken off", {
            "fields": ("scope", "categories", "products", ("includes_refills", "repeats"))
        }),
        ("For whom and how often", {
            "fields": (
                "is_automatic", "first_order_only", ("max_uses", "max_uses_per_customer"), "is_combinable",
            ),
        }),
        ("When", {"fields": ("starts_at", "ends_at", "is_active")}),
    )  # fmt: skip

    starts = time_column("starts_at", "from")
    ends = time_column("ends_at", "until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Discount]:
        rows = super().get_queryset(request).annotate(used_count=_USED)
        return rows.prefetch_related("amounts")

    def get_tables(self, request: HttpRequest, obj: Discount) -> Sequence[Table]:
        codes = DiscountCode.objects.filter(discount=obj).annotate(used_count=_USED)
        total = codes.count()
        rows = [
            (row.code, _of(row.used_count, row.max_uses), "yes" if row.is_active else "no")
            for row in codes.order_by("-pk")[:SHOWN]
        ]
        taken = OrderDiscount.objects.filter(discount=obj).select_related("order").order_by("-pk")[:SHOWN]
        uses = [
            (
                row.order.reference,
                row.code or "–",
                format_money(row.saved, row.order.currency),
                when(row.taken_at),
                when(row.returned_at),
            )
            for row in taken
        ]
        title = f"Codes: the latest {SHOWN} of {total}" if total > SHOWN else "Codes"
        return [
            Table(title, ("code", "used", "active"), rows),
            Table("Latest uses", ("order", "code", "took off", "taken", "given back"), uses),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was promised is switched off, not forgotten."""
        return False

    def save_model(self, request: HttpRequest, obj: Discount, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = reading.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="takes off")
    def takes_off(self, discount: Discount) -> str:
        if discount.kind == Discount.Kind.PERCENT and discount.percent is not None:
            return f"{discount.percent.normalize():f} %"
        if discount.kind == Discount.Kind.FREE_SHIPPING:
            return "delivery"
        amounts = [row for row in discount.amounts.all() if row.amount_off]
        return ", ".join(format_money(row.amount_off or 0, row.currency) for row in amounts)

    @admin.display(description="opened by", ordering="is_automatic")
    def opened_by(self, discount: Discount) -> str:
        return "itself" if discount.is_automatic else "a code"

    @admin.display(description="used", ordering="used_count")
    def used(self, discount: Discount) -> str:
        return _of(discount.used_count, discount.max_uses)  # type: ignore[attr-defined]

    def has_act_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("orders.add_discountcode")

    @action(description="Generate codes", icon="qr_code", permissions=["act"])
    def generate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        discount = get_object_or_404(Discount, pk=key_of(object_id))

        def verb(given: dict[str, Any]) -> str:
            made = discounts.generate_codes(
                discount,
                count=given["count"],
                prefix=given["begins_with"],
                max_uses=given["max_uses"],
                at=reading.now(),
            )
            return f"{counted(len(made), 'code')} made."

        question = Question(
            "Generate codes", "Random codes that nobody guesses; download them as CSV afterwards.", "Generate"
        )
        return act(self, request, discount, question, verb, form=GenerateForm(request.POST or None))

    @action(description="Download codes (CSV)", icon="download", permissions=["act"])
    def download_codes(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        discount = get_object_or_404(Discount, pk=key_of(object_id))
        answer = StreamingHttpResponse(sheets.lines(_rows(discount)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="codes-{discount.pk}.csv"'
        return answer


@register(DiscountCode)
class DiscountCodeAdmin(ShopAdmin):
    form = CodeForm
    list_display = ("code", "discount", "used", "is_active", "made")
    list_filter = ("is_active",)
    list_select_related = ("discount",)
    search_fields = ("code__startswith",)
    search_help_text = "The beginning of a code, in capitals"
    autocomplete_fields = ("discount",)
    fields = ("discount", "code", "max_uses", "is_active")

    made = time_column("created_at", "made")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DiscountCode]:
        return super().get_queryset(request).annotate(used_count=_USED)

    def get_readonly_fields(self, request: HttpRequest, obj: DiscountCode | None = None) -> tuple[str, ...]:
        return ("discount", "code") if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: DiscountCode, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = reading.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="used", ordering="used_count")
    def used(self, code: DiscountCode) -> str:
        return _of(code.used_count, code.max_uses)  # type: ignore[attr-defined]


@register(OrderDiscount)
class OrderDiscountAdmin(ReadOnlyAdmin):
    list_display = ("order", "label", "code", "took_off", "taken", "returned")
    list_select_related = ("order",)
    search_prefixes = {"order__reference__startswith": str.upper, "code__startswith": str.upper}
    search_help_text = "The beginning of an order's reference or of a code"
    fields = ("order", "discount", "code", "label", "took_off", "taken", "returned")
    readonly_fields = ("took_off", "taken", "returned")

    taken = time_column("taken_at", "taken")
    returned = time_column("returned_at", "given back")

    @admin.display(description="took off")
    def took_off(self, row: OrderDiscount) -> str:
        return format_money(row.saved, row.order.currency)


def _of(used: int, cap: int | None) -> str:
    return str(used) if cap is None else f"{used} of {cap}"


def _rows(discount: Discount) -> Iterator[Sequence[str]]:
    """The codes of a discount as a table, its header first."""
    yield "code", "used", "may_be_used", "active"
    rows = DiscountCode.objects.filter(discount=discount).annotate(used_count=_USED)
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        yield row.code, str(row.used_count), str(row.max_uses or ""), "yes" if row.is_active else "no"
