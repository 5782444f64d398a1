"""The outbox in the admin: what was written, what was sent, what waits."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from shop.admin import ReadOnlyAdmin, ShopAdmin, register
from shop.mail import outbox
from shop.mail.models import OutboxMessage, SuppressedAddress


@register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "to", "kind", "status", "attempts", "created_at", "sent_at")
    list_filter = ("status", "kind")
    search_fields = ("to", "subject", "subject_key")
    actions = ("send_now",)

    @admin.action(description="Try to send now", permissions=["view"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        for message_id in queryset.filter(status=OutboxMessage.Status.PENDING).values_list("pk", flat=True):
            outbox.nudge(message_id)
        self.message_user(request, "The worker has been woken for the pending mails among these.")


@register(SuppressedAddress)
class SuppressedAddressAdmin(ShopAdmin):
    list_display = ("email", "reason", "created_at")
    search_fields = ("email",)
