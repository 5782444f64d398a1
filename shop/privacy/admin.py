"""Who asked to be forgotten, and what still keeps it from being done."""

from shop.admin import ReadOnlyAdmin, register, time_column
from shop.privacy.models import Erasure


@register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("id", "status", "asked", "waits_for", "done")
    list_filter = ("status",)
    fields = ("status", "requested_at", "looked_at", "waits_for", "done_at")
    asked = time_column("requested_at", "asked")
    done = time_column("done_at", "done")
