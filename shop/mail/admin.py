"""The outbox in the admin: what was written, what was sent, what waits."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from shop.admin import ReadOnlyAdmin, ShopAdmin, register, time_column
from shop.clock import reading
from shop.mail import outbox
from shop.mail.models import OutboxMessage, SuppressedAddress

STATUS_COLOURS = {"pending": "info", "sent": "success", "suppressed": "warning", "failed": "danger"}


@register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "to", "kind", "status_badge", "attempts", "created", "sent")
    list_filter = ("status", "kind")
    search_prefixes = {"to__istartswith": str, "subject_key__startswith": str}
    search_help_text = "An e-mail address, or what the mail is about: order:K7MPW2…"
    actions = ("send_now",)
    exclude = ("html",)

    created = time_column("created_at", "written")
    sent = time_column("sent_at", "sent")

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def status_badge(self, message: OutboxMessage) -> str:
        return message.status

    @admin.action(description="Try to send now", permissions=["view"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = outbox.send_now(queryset.values_list("pk", flat=True), at=reading.now())
        self.message_user(request, f"{count} mails that waited are tried now.")


@register(SuppressedAddress)
class SuppressedAddressAdmin(ShopAdmin):
    list_display = ("email", "reason", "created")
    search_prefixes = {"email__startswith": str.lower}
    fields = ("email", "reason", "created_at")

    created = time_column("created_at", "since")
