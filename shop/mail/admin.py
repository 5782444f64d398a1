"""The outbox in the admin: what was written, what was sent, what waits."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from shop.admin import ReadOnlyAdmin, ShopAdmin, counted, register, time_column
from shop.clock import reading
from shop.mail import outbox
from shop.mail.models import OutboxMessage, SuppressedAddress

STATUS_COLOURS = {"pending": "info", "sent": "success", "suppressed": "warning", "failed": "danger"}

# Mails with links that open an account. Whoever reads one could take it over.
HOLDS_KEYS = "account_"


@register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "to", "kind", "status_badge", "attempts", "created", "sent")
    list_filter = ("status", "kind")
    search_prefixes = {"to__istartswith": str, "subject_key__startswith": str}
    search_help_text = "An e-mail address, or what the mail is about: order:K7MPW2…"
    actions = ("send_now",)
    exclude = ("html", "text")
    readonly_fields = ("words",)

    created = time_column("created_at", "written")
    sent = time_column("sent_at", "sent")

    @admin.display(description="text")
    def words(self, message: OutboxMessage) -> SafeString:
        if message.kind.startswith(HOLDS_KEYS):
            return format_html("<em>{}</em>", "Not shown: this mail holds a key to somebody's account.")
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', message.text)

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def status_badge(self, message: OutboxMessage) -> str:
        return message.status

    @admin.action(description="Try to send now", permissions=["view"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = outbox.send_now(queryset.values_list("pk", flat=True), at=reading.now())
        self.message_user(request, f"{counted(count, 'mail')} to try now.")


@register(SuppressedAddress)
class SuppressedAddressAdmin(ShopAdmin):
    list_display = ("email", "reason", "created")
    search_prefixes = {"email__startswith": str.lower}
    fields = ("email", "reason", "created_at")

    created = time_column("created_at", "since")
