"""Staff accounts and customers in the admin."""

from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group

from shop.accounts.models import Address, User
from shop.admin import InlineReadOnly, ShopAdmin, register, time_column


class AddressInline(InlineReadOnly):
    model = Address
    fields = ("name", "line1", "city", "postal_code", "country", "is_default")


@register(User)
class UserAdmin(ShopAdmin, DjangoUserAdmin):  # type: ignore[misc] # the bases differ in annotations only
    list_display = ("email", "name", "is_staff", "is_active", "joined")
    list_filter = ("is_staff", "is_active")
    search_prefixes = {"email__startswith": str.lower}
    search_help_text = "The beginning of an e-mail address"
    ordering = ("email",)
    inlines = (AddressInline,)
    joined = time_column("date_joined", "since")
    fieldsets = (
        (None, {"fields": ("email", "password", "name")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("date_joined", "last_login", "email_verified_at")}),
    )
    readonly_fields = ("date_joined", "last_login", "email_verified_at")
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)


@register(Group)
class GroupAdmin(ShopAdmin):
    search_fields = ("name",)
    filter_horizontal = ("permissions",)
