"""One table of changes for each subject that has no history of its own.

Orders have their timeline, stock its movements, articles their revisions. What stands here is written by
triggers, also for an update of many rows at once, and takes its name from the request that caused it.
"""

import pghistory
import pgtrigger
from django.contrib.auth.models import Group
from pghistory.models import MiddlewareEvents

from catalog.models import BundleComponent, Category, Price, Product, Variant
from shop.accounts.models import RefundLimit, User


def _rows() -> tuple[pghistory.RowEvent, ...]:
    """Return new trackers: the library binds each to one subject."""
    return (
        pghistory.InsertEvent("made"),
        pghistory.UpdateEvent("changed"),
        pghistory.DeleteEvent("removed"),
    )


def _links() -> tuple[pghistory.RowEvent, ...]:
    return (pghistory.InsertEvent("given"), pghistory.DeleteEvent("taken"))


# Named one by one: what is computed (search columns) or only counts (`updated_at`) is no change of anybody's.
PRICE = ["variant", "currency", "kind", "amount", "starts_at", "ends_at"]
PRODUCT = [
    "code", "slug", "name", "summary", "description", "category", "kind", "regulatory_class", "is_published",
    "inci", "mgcl2_percent", "density_g_per_ml", "ml_per_spray", "form", "scent", "fragrance_allergens",
    "material", "origin_country", "origin_note", "grade", "is_vegan", "directions", "label_dose",
    "usage_defaults", "caution_codes", "storage", "durability_months", "pao_months", "hs_code", "tax_code",
    "return_rule",
]  # fmt: skip
VARIANT = [
    "product", "sku", "name", "gtin", "net_content", "net_unit", "gross_weight_g", "is_lot_tracked",
    "min_remaining_life_days", "is_subscribable", "refill_discount_percent", "archived_at",
]  # fmt: skip


@pghistory.track(*_rows(), fields=PRICE, model_name="PriceChange", meta={"db_table": "history_price"})
class TrackedPrice(Price):
    class Meta:
        proxy = True


@pghistory.track(*_rows(), fields=PRODUCT, model_name="ProductChange", meta={"db_table": "history_product"})
class TrackedProduct(Product):
    class Meta:
        proxy = True


@pghistory.track(*_rows(), fields=VARIANT, model_name="VariantChange", meta={"db_table": "history_variant"})
class TrackedVariant(Variant):
    class Meta:
        proxy = True


@pghistory.track(*_rows(), model_name="CategoryChange", meta={"db_table": "history_category"})
class TrackedCategory(Category):
    class Meta:
        proxy = True


@pghistory.track(*_rows(), model_name="BundleChange", meta={"db_table": "history_bundle"})
class TrackedBundleComponent(BundleComponent):
    class Meta:
        proxy = True


# What an account may do, and nothing about the person. Customers come and go without a line here.
@pghistory.track(
    pghistory.InsertEvent("made", condition=pgtrigger.Q(new__is_staff=True)),
    pghistory.UpdateEvent("changed"),
    pghistory.DeleteEvent("removed", condition=pgtrigger.Q(old__is_staff=True)),
    fields=["is_active", "is_staff", "is_superuser"],
    model_name="UserChange",
    meta={"db_table": "history_user"},
)
class TrackedUser(User):
    class Meta:
        proxy = True


@pghistory.track(
    *_links(), obj_field=None, model_name="UserRoleChange", meta={"db_table": "history_user_role"}
)
class TrackedUserRole(User.groups.through):  # type: ignore[name-defined]
    class Meta:
        proxy = True


@pghistory.track(
    *_links(), obj_field=None, model_name="UserPermissionChange", meta={"db_table": "history_user_permission"}
)
class TrackedUserPermission(User.user_permissions.through):  # type: ignore[name-defined]
    class Meta:
        proxy = True


@pghistory.track(*_rows(), model_name="RoleChange", meta={"db_table": "history_role"})
class TrackedRole(Group):
    class Meta:
        proxy = True


@pghistory.track(
    *_links(), obj_field=None, model_name="RolePermissionChange", meta={"db_table": "history_role_permission"}
)
class TrackedRolePermission(Group.permissions.through):  # type: ignore[name-defined]
    class Meta:
        proxy = True


@pghistory.track(*_rows(), model_name="RefundLimitChange", meta={"db_table": "history_refund_limit"})
class TrackedRefundLimit(RefundLimit):
    class Meta:
        proxy = True


class Change(MiddlewareEvents):
    """One line of every history together: what staff look at."""

    class Meta:
        proxy = True
        ordering = ["-pgh_created_at", "-pgh_id"]
        default_manager_name = "no_objects"

    def __str__(self) -> str:
        return self.pgh_slug
