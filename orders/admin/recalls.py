"""Recalls: looked at first, then goods are frozen and customers told; and who was told of what."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from orders import recalls
from orders.admin import desk, looks
from orders.admin.books import order_link
from orders.admin.order_buttons import staff
from orders.models import RecallNotice, ShipmentLine
from shop import sheets
from shop.admin import ReadOnlyAdmin, Table, badges, counted, on_day, register, site, time_column, when
from shop.clock import reading
from shop.exceptions import ShopError

# A page shows this many parcels; the file has all of them.
SHOWN = 500


class RecallForm(forms.Form):
    """What is taken back, and why."""

    code = forms.CharField(
        label="Lot",
        help_text="Our batch code, a supplier's lot number, or our raw lot's code.",
        max_length=64,
        widget=UnfoldAdminTextInputWidget(),
    )
    reason = forms.CharField(
        label="What customers read",
        help_text="What is wrong and what to do. Needed before anything is done.",
        max_length=600,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )


@register(RecallNotice)
class RecallNoticeAdmin(ReadOnlyAdmin):
    list_display = ("email", "lot", "units", "told", "mail_status", "sent_by")
    list_select_related = ("lot", "message", "sent_by")
    search_prefixes = {"email__startswith": str.lower, "lot__code__startswith": str.upper}
    search_help_text = "The beginning of an e-mail address or of a lot"
    fields = (("email", "lot"), ("units", "told"), ("mail_status", "sent_by"))
    readonly_fields = ("told", "mail_status")
    list_before_template = "orders/admin/recall_start.html"

    told = time_column("created_at", "told")

    def get_urls(self) -> list[URLPattern]:
        own = path("recall/", site.admin_view(recall), name="recall")
        return [own, *super().get_urls()]

    @admin.display(description="mail")
    def mail_status(self, notice: RecallNotice) -> str:
        return notice.message.status if notice.message else "–"


def recall(request: HttpRequest) -> HttpResponse:
    """Show whom a lot concerns (the dry run), then take it back."""
    if not request.user.has_perm("orders.view_recallnotice"):
        raise PermissionDenied
    form = RecallForm(request.POST or None)
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            found = recalls.trace(recalls.lots_named(form.cleaned_data["code"]))
        except ShopError as refusal:
            form.add_error("code", refusal.detail)
    if found is None:
        return desk.show(request, RecallNotice, _question(form))
    action = request.POST.get("action")
    if action == "file":
        return _file(form.cleaned_data["code"], found)
    if action == "recall" and _may_recall(request):
        if form.cleaned_data["reason"].strip():
            return _recall(request, found, form.cleaned_data)
        form.add_error("reason", "Customers are told why.")
    return desk.show(request, RecallNotice, _answer(request, form, found))


def _may_recall(request: HttpRequest) -> bool:
    return request.user.has_perm("orders.add_recallnotice")


def _recall(request: HttpRequest, found: recalls.Trace, given: dict[str, str]) -> HttpResponse:
    outcome = recalls.recall(
        found.lots, reason=given["reason"], code=given["code"], actor=staff(request), at=reading.now()
    )
    codes = ", ".join(lot.code for lot in found.lots)
    told = counted(len(outcome.told), "customer")
    messages.success(
        request, f"{codes}: frozen. {told} told now, {len(outcome.told_before)} had been told before."
    )
    if outcome.short:
        messages.warning(request, f"These lost their stock: {', '.join(outcome.short)}.")
    if found.waiting:
        boxes = ", ".join(sorted({line.shipment.reference for line in found.waiting}))
        messages.warning(request, f"Open these parcels, they cannot leave: {boxes}.")
    return redirect(reverse("admin:orders_recallnotice_changelist"))


def _file(code: str, found: recalls.Trace) -> HttpResponse:
    answer = StreamingHttpResponse(sheets.lines(recalls.rows(found)), content_type="text/csv; charset=utf-8")
    name = "".join(letter for letter in code if letter.isalnum() or letter in "-_")
    answer["Content-Disposition"] = f'attachment; filename="recall-{name}.csv"'
    return answer  # type: ignore[return-value]


def _question(form: RecallForm) -> desk.Desk:
    return desk.Desk(
        "Recall",
        "From a lot, or from the supplier's lot that it was made of, to every parcel and customer. You see "
        "whom it concerns first; nothing is done until you say so.",
        buttons=[desk.Button("Look whom it concerns", "look", is_main=True)],
        links=[desk.Link("Who was told", reverse("admin:orders_recallnotice_changelist"))],
        form=form,
    )


def _answer(request: HttpRequest, form: RecallForm, found: recalls.Trace) -> desk.Desk:
    intro = (
        f"{counted(found.units_left, 'unit')} left in {counted(len(found.orders), 'order')} to "
        f"{counted(len(found.customers), 'customer')}; {counted(found.units_here, 'unit')} are in the "
        "building. Nothing has been done yet."
    )
    if len(found.left) > SHOWN:
        intro += f" The first {SHOWN} parcels are shown, the file has all."
    buttons = [desk.Button("Look again", "look"), desk.Button("File of all parcels", "file")]
    if _may_recall(request):
        words = (
            f"Freeze {counted(len(found.lots), 'lot')} and tell {counted(len(found.customers), 'customer')}"
        )
        buttons.append(desk.Button(words, "recall", is_main=True))
    return desk.Desk(
        "Recall",
        intro,
        [
            Table(
                "Lots",
                ("lot", "goods", "status", "best before", "in the building", "supplier's lot"),
                _lots(found),
            ),
            Table("Packed, not left: open these", _HEADERS, [_row(line) for line in found.waiting]),
            Table("Left", _HEADERS, [_row(line) for line in found.left[:SHOWN]]),
        ],
        buttons,
        [desk.Link("Who was told", reverse("admin:orders_recallnotice_changelist"))],
        form=form,
    )


_HEADERS = ("parcel", "status", "left", "order", "customer", "goods", "lot", "units")


def _lots(found: recalls.Trace) -> list[Sequence[Any]]:
    return [
        (
            lot.code,
            f"{lot.variant.sku}: {lot.variant.product.name}",
            looks.words(lot.status),
            on_day(lot.best_before_on),
            lot.physical,
            lot.supplier_lot or ", ".join(raw.supplier_lot for raw in lot.raw_lots.all()) or "–",
        )
        for lot in found.lots
    ]


def _row(line: ShipmentLine) -> Sequence[Any]:
    parcel = line.shipment
    return (
        desk.link(reverse("admin:orders_shipment_change", args=[parcel.pk]), parcel.reference),
        badges((parcel.status, looks.PARCEL[parcel.status])),
        when(parcel.dispatched_at),
        order_link(parcel.order),
        f"{parcel.address.get('name', '')}, {parcel.order.email}",
        line.sku,
        line.lot.code if line.lot else "–",
        line.quantity,
    )
