"""The four roles, permission by permission. This table is the law: every migrate writes it into the groups.

Whoever needs another mixture gets a group of their own; these four stay as they are here.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from shop.accounts.models import RefundLimit, User

WAREHOUSE, SUPPORT, EDITOR, MANAGER = "warehouse", "support", "editor", "manager"


def _may(verbs: str, *models: str) -> frozenset[str]:
    """Return permission names: ("view change", "catalog.lot") → catalog.view_lot, catalog.change_lot."""
    return frozenset(
        f"{app}.{verb}_{name}"
        for app, name in (model.split(".") for model in models)
        for verb in verbs.split()
    )


_SEES_GOODS = _may(
    "view",
    "catalog.category", "catalog.product", "catalog.variant", "catalog.bundlecomponent", "catalog.price",
    "catalog.stocklevel", "catalog.lot",
)  # fmt: skip
_SEES_ORDERS = _may("view", "orders.order", "orders.orderline", "orders.orderevent")

ROLES: dict[str, frozenset[str]] = {
    # Receives, releases, counts, picks, packs and sends. Sees no money but what an order came to.
    WAREHOUSE: _SEES_GOODS
    | _SEES_ORDERS
    | _may("view change", "catalog.stocklevel", "catalog.stockreservation")
    | _may("view add change", "catalog.lot", "catalog.rawlot", "catalog.stockmovement")
    | _may("view add change", "orders.shipment", "orders.shipmentline")
    | _may("view change", "orders.return", "orders.returnline", "orders.returnfinding")
    | _may("view", "orders.recallnotice"),
    # Helps customers: their orders, refills, cards and mails. Refunds up to the limits of the role.
    SUPPORT: _SEES_GOODS
    | _SEES_ORDERS
    | _may("change", "orders.order")
    | _may("view add", "orders.striperefund")
    | _may("view change", "orders.subscription", "orders.withdrawal", "mail.outboxmessage")
    | _may("view add change", "orders.return", "orders.returnline", "orders.returnfinding")
    | _may("view change", "catalog.stockrequest")
    | _may("view", "orders.invoice")
    | _may("view add change", "mail.suppressedaddress")
    | _may(
        "view",
        "orders.payment", "orders.dispute", "orders.fraudwarning", "orders.customer", "orders.cart",
        "orders.consent", "orders.refill", "orders.billingcycle", "orders.refillextra", "orders.pricerise",
        "orders.bulkchange", "orders.bulkchangerow", "orders.savedcard", "orders.shippingzone",
        "orders.shippingmethod", "orders.shippingrate", "orders.taxrate", "orders.shipment",
        "orders.shipmentline", "orders.recallnotice", "orders.discount", "orders.discountamount",
        "orders.discountcode", "orders.orderdiscount", "accounts.user", "accounts.address",
        "privacy.erasure",
    ),
    # Writes and publishes; an override of the copy checker stays with the manager.
    EDITOR: _may("view", "catalog.category", "catalog.product", "catalog.variant", "catalog.price")
    | _may("change", "catalog.product", "catalog.category")
    | _may("view add change delete", "catalog.synonym")
    | _may("view add change", "content.article", "content.topic", "content.citation", "content.reviewer")
    | _may("view add change delete", "content.articleimage", "content.articleproduct")
    | _may("view", "content.revision", "content.step", "content.claimoverride", "content.formerslug")
    | frozenset({"content.publish_article"}),
    # Runs the shop: everything but making roles and superusers.
    MANAGER: frozenset({"*"}),
}  # fmt: skip
# What the manager has not: who may do what is decided by superusers.
NOT_FOR_MANAGERS = frozenset(
    {"auth.add_group", "auth.change_group", "auth.delete_group", "accounts.delete_user"}
)
MANAGED_APPS = ("accounts", "auth", "catalog", "content", "mail", "orders", "history", "privacy")


@transaction.atomic
def write_permissions(**_: Any) -> None:
    """Give each role exactly the permissions of the table. Runs after every migrate; safe to repeat.

    A permission is made after the migration of its app, so no migration can give one.
    """
    rows = Permission.objects.filter(content_type__app_label__in=MANAGED_APPS).select_related("content_type")
    names = {row.pk: f"{row.content_type.app_label}.{row.codename}" for row in rows}
    link = Group.permissions.through
    for role, wanted in ROLES.items():
        group, _made = Group.objects.get_or_create(name=role)
        ids = {pk for pk, name in names.items() if _is_wanted(name, wanted)}
        held = set(link.objects.filter(group=group).values_list("permission_id", flat=True))
        link.objects.filter(group=group, permission_id__in=held - ids).delete()
        link.objects.bulk_create(
            [link(group=group, permission_id=pk) for pk in sorted(ids - held)], ignore_conflicts=True
        )


def _is_wanted(name: str, wanted: frozenset[str]) -> bool:
    if "*" in wanted:
        return name not in NOT_FOR_MANAGERS
    return name in wanted


def refund_limit(user: User, currency: str) -> int | None:
    """Return how much of one order a member of staff may refund, in minor units; None without a limit."""
    if user.has_perm("accounts.refund_any_amount"):
        return None
    rows: Iterable[int] = RefundLimit.objects.filter(group__user=user, currency=currency).values_list(
        "amount", flat=True
    )
    return max(rows, default=0)
