"""Who waits for what: read here, written by the requests themselves."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from catalog import back_in_stock
from catalog.models import StockRequest
from shop.admin import ReadOnlyAdmin, counted, register, time_column
from shop.clock import reading

STATUS_COLOURS = {"asked": "info", "waiting": "warning", "told": "success", "stopped": "info"}


@register(StockRequest)
class StockRequestAdmin(ReadOnlyAdmin):
    list_display = ("variant", "product", "email", "status_badge", "created", "confirmed", "told")
    list_filter = ("status",)
    list_select_related = ("variant__product",)
    search_fields = ("email", "variant__sku")
    actions = ("stop",)

    created = time_column("created_at", "asked")
    confirmed = time_column("confirmed_at", "confirmed")
    told = time_column("told_at", "told")

    @admin.display(description="product", ordering="variant__product__name")
    def product(self, request: StockRequest) -> str:
        return request.variant.product.name

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def status_badge(self, request: StockRequest) -> str:
        return request.status

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.change_stockrequest")

    @admin.action(description="Send them nothing more", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[StockRequest]) -> None:
        for row in queryset:
            back_in_stock.stop(row, at=reading.now())
        self.message_user(request, f"{counted(len(queryset), 'request')} stopped.")
