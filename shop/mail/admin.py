"""The outbox in the admin: what was written, sent and refused, how every kind looks, and who gets no mail."""

from collections.abc import Sequence
from typing import Any

from csp.decorators import csp_replace
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from shop.admin import (
    Question,
    ReadOnlyAdmin,
    ShopAdmin,
    Table,
    act,
    counted,
    key_of,
    register,
    site,
    time_column,
    when,
)
from shop.clock import reading
from shop.exceptions import NotFound
from shop.logs import without_keys
from shop.mail import delivery, outbox, preview, rendering, suppression
from shop.mail.models import OutboxMessage, SuppressedAddress

STATUS_COLOURS = {
    "pending": "info",
    "sent": "success",
    "suppressed": "warning",
    "failed": "danger",
    "withdrawn": "warning",
}
# A mail is shown in a frame without scripts, which the policy of every other page forbids.
_with_a_frame = csp_replace({"frame-src": ["'self'"]})

# Mails with links that open an account. Whoever reads one could take it over.
HOLDS_KEYS = "account_"
NOT_SHOWN = "Not shown: this mail holds a key to somebody's account."


@register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "to", "kind", "status_badge", "attempts", "created", "sent")
    list_filter = ("status", "kind")
    search_prefixes = {"to__istartswith": str, "subject_key__startswith": str}
    search_help_text = "An e-mail address, or what the mail is about: order:K7MPW2…"
    actions = ("send_now",)
    actions_list = ("previews",)
    actions_detail = ("resend",)
    exclude = ("html", "text", "template", "context", "requested_by", "copy_of")
    readonly_fields = ("asked_for_by", "look", "words")

    created = time_column("created_at", "written")
    sent = time_column("sent_at", "sent")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if why := delivery.why_held_back():
            messages.warning(request, why)
        return super().changelist_view(request, extra_context)

    @method_decorator(_with_a_frame)
    def change_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().change_view(*args, **kwargs)

    @admin.display(description="as a page")
    def look(self, message: OutboxMessage) -> SafeString:
        if message.kind.startswith(HOLDS_KEYS):
            return format_html("<em>{}</em>", NOT_SHOWN)
        return format_html(
            '<iframe title="{}" sandbox="" srcdoc="{}" width="375" height="560"></iframe>',
            message.subject,
            # A link to somebody's order or refills works for whoever reads it, and names nobody.
            without_keys(rendering.words_of(message)["html"]),
        )

    @admin.display(description="as plain text")
    def words(self, message: OutboxMessage) -> SafeString:
        if message.kind.startswith(HOLDS_KEYS):
            return format_html("<em>{}</em>", NOT_SHOWN)
        text = without_keys(rendering.words_of(message)["text"])
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', text)

    @admin.display(description="copy asked for by")
    def asked_for_by(self, message: OutboxMessage) -> str:
        return f"{message.requested_by}, of mail {message.copy_of_id}" if message.copy_of_id else "–"

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def status_badge(self, message: OutboxMessage) -> str:
        return message.status

    def get_tables(self, request: HttpRequest, obj: OutboxMessage) -> Sequence[Table]:
        rows = [
            (copy.occasion, copy.status, copy.requested_by or "–", when(copy.created_at), when(copy.sent_at))
            for copy in obj.copies.select_related("requested_by").order_by("pk")
        ]
        return [Table("Sent again", ("occasion", "status", "who", "written", "sent"), rows)] if rows else []

    def has_act_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The rows are read-only; whoever may change mails may send them."""
        return request.user.has_perm("mail.change_outboxmessage")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        message = self.get_object(request, str(object_id))
        can_go_again = message is not None and message.status in outbox.CAN_GO_AGAIN
        return super().get_actions_detail(request, object_id) if can_go_again else []

    @admin.action(description="Try to send now", permissions=["act"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = outbox.send_now(queryset.values_list("pk", flat=True), at=reading.now())
        self.message_user(request, f"{counted(count, 'mail')} to try now.")

    @action(description="Send again", icon="forward_to_inbox", permissions=["act"])
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        message = get_object_or_404(OutboxMessage, pk=key_of(object_id))

        def verb(_: dict[str, Any]) -> str:
            outbox.send_copy(message, actor=request.user, at=reading.now())
            return f"A copy goes to {message.to}."

        question = Question(
            "Send this mail again",
            f"{message.to} gets the same words once more. Your name is kept with it.",
            "Send",
        )
        return act(self, request, message, question, verb)

    @action(description="How every mail looks", icon="preview")
    def previews(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:mail_preview", kind=preview.kinds()[0])

    def get_urls(self) -> list[URLPattern]:
        address = path("preview/<slug:kind>", site.admin_view(self.show_preview), name="mail_preview")
        return [address, *super().get_urls()]

    @method_decorator(_with_a_frame)
    def show_preview(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Show one kind of mail with sample data, as a phone, a wide window and plain text show it."""
        if not self.has_view_permission(request):
            raise Http404
        try:
            shown = preview.of(kind)
        except NotFound as error:
            raise Http404(error.detail) from error
        context = {
            **site.each_context(request),
            "title": "How every mail looks",
            "subtitle": "Sample data; nobody is written to.",
            "opts": self.opts,
            "shown": shown,
            "kinds": [(name, reverse("admin:mail_preview", args=[name])) for name in preview.kinds()],
            "law": suppression.LEGALLY_REQUIRED.get(kind, ""),
        }
        return TemplateResponse(request, "mail/admin/preview.html", context)


class SuppressionForm(forms.ModelForm):
    """An address that staff put down by hand: one that complained, or asked."""

    class Meta:
        model = SuppressedAddress
        fields = ("email", "cause", "reason")


@register(SuppressedAddress)
class SuppressedAddressAdmin(ShopAdmin):
    form = SuppressionForm
    list_display = ("email", "cause", "reason", "created", "lifted")
    list_filter = ("cause", ("lifted_at", admin.EmptyFieldListFilter))
    search_prefixes = {"email__startswith": str.lower}
    fields = ("email", "cause", "reason")
    readonly_fields = ("put_down", "was_lifted")
    actions_detail = ("lift",)

    created = time_column("created_at", "since")
    lifted = time_column("lifted_at", "lifted")

    def get_fields(self, request: HttpRequest, obj: SuppressedAddress | None = None) -> Sequence[str]:
        return [*self.fields, "put_down", "was_lifted"] if obj else self.fields

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Lifted, never deleted: why somebody got no mail must stay known."""
        return False

    def has_lift_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("mail.change_suppressedaddress")

    def save_model(self, request: HttpRequest, obj: SuppressedAddress, form: Any, change: bool) -> None:
        suppression.suppress(
            obj.email, cause=obj.cause, reason=obj.reason, at=reading.now(), actor=request.user
        )
        obj.pk = suppression.of(obj.email).pk

    @admin.display(description="put down")
    def put_down(self, row: SuppressedAddress) -> str:
        return f"{when(row.created_at)} by {row.created_by or 'the shop'}"

    @admin.display(description="lifted")
    def was_lifted(self, row: SuppressedAddress) -> str:
        return f"{when(row.lifted_at)} by {row.lifted_by}" if row.lifted_at else "no"

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        row = self.get_object(request, str(object_id))
        stands = row is not None and row.lifted_at is None
        return super().get_actions_detail(request, object_id) if stands else []

    @action(description="Lift", icon="mark_email_read", variant=ActionVariant.PRIMARY, permissions=["lift"])
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = get_object_or_404(SuppressedAddress, pk=key_of(object_id))

        def verb(_: dict[str, Any]) -> str:
            suppression.lift(row, actor=request.user, at=reading.now())
            return f"{row.email} gets mail again."

        question = Question(
            "Lift the suppression",
            f"It stands because: {row.reason}. Mails held back meanwhile stay unsent.",
            "Lift",
        )
        return act(self, request, row, question, verb)
