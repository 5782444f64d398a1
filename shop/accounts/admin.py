"""Staff accounts, their roles and what a role may refund; customers and their addresses."""

from typing import Any

from django import forms
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest

from shop.accounts import mails
from shop.accounts.models import Address, RefundLimit, User
from shop.accounts.roles import ROLES
from shop.admin import InlineReadOnly, ShopAdmin, money_column, register, time_column
from shop.mail import preview

preview.offer(mails.samples())


class AddressInline(InlineReadOnly):
    model = Address
    fields = ("name", "line1", "city", "postal_code", "country", "is_default")


@register(User)
class UserAdmin(ShopAdmin, DjangoUserAdmin):  # type: ignore[misc] # the bases differ in annotations only
    list_display = ("email", "name", "is_staff", "is_active", "joined")
    list_filter = ("is_staff", "is_active", "groups")
    search_prefixes = {"email__startswith": str.lower}
    search_help_text = "The beginning of an e-mail address"
    ordering = ("email",)
    inlines = (AddressInline,)
    joined = time_column("date_joined", "since")
    fieldsets = (
        (None, {"fields": ("email", "name")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("date_joined", "last_login", "email_verified_at")}),
    )
    readonly_fields = ("date_joined", "last_login", "email_verified_at")
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """A superuser is changed by superusers only: whoever sets their address has their rights."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (request.user.is_superuser or not getattr(obj, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (request.user.is_superuser or not getattr(obj, "is_superuser", False))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only superusers make superusers; whoever has an account changes its address themselves."""
        mine = self.readonly_fields if obj is None else (*self.readonly_fields, "email")
        return mine if request.user.is_superuser else (*mine, "is_superuser")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Others than superusers give the four roles, and not groups that may hold more."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        chooses = isinstance(field, forms.ModelMultipleChoiceField) and db_field.name == "groups"
        if field is not None and chooses and not request.user.is_superuser:
            field.queryset = Group.objects.filter(name__in=ROLES)
        return field

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Nobody types another's password, superusers apart: a mail lets its owner choose one."""
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)


@register(Group)
class GroupAdmin(ShopAdmin):
    search_fields = ("name",)
    filter_horizontal = ("permissions",)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """The four roles are written by shop.accounts.roles: what was changed here would not last."""
        return super().has_change_permission(request, obj) and getattr(obj, "name", "") not in ROLES

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and getattr(obj, "name", "") not in ROLES


@register(RefundLimit)
class RefundLimitAdmin(ShopAdmin):
    list_display = ("group", "currency", "shown")
    list_select_related = ("group",)
    shown = money_column("amount", "of one order, at most")
