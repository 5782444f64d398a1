"""The admin's sidebar: what staff look for, in the order of their day rather than by app."""

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

from shop.admin import site

# Pages that are no list of records: address, title, the record whose viewers may open it.
PAGES = {
    "to_pick": ("admin:warehouse_to_pick", "To pick", "orders.Shipment"),
    "to_dispatch": ("admin:warehouse_dispatch", "To dispatch", "orders.Shipment"),
    "tracking": ("admin:warehouse_tracking", "Tracking numbers", "orders.Shipment"),
    "refill_figures": ("refill-figures", "Value and churn", "orders.Subscription"),
    "refill_demand": ("refill-demand", "What they will take", "catalog.StockLevel"),
    "recall": ("admin:recall", "Recall a lot", "orders.RecallNotice"),
}
# Group: ((record or page, icon), …). A record without a page, or that a person may not see, is left out.
GROUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "Ship": (
        ("to_pick", "conveyor_belt"),
        ("to_dispatch", "local_shipping"),
        ("tracking", "barcode_scanner"),
        ("orders.Shipment", "package_2"),
        ("recall", "undo"),
        ("orders.RecallNotice", "campaign"),
    ),
    "Orders": (
        ("orders.Order", "receipt_long"),
        ("orders.Payment", "payments"),
        ("orders.StripeRefund", "undo"),
        ("orders.Invoice", "description"),
        ("orders.Withdrawal", "assignment_return"),
        ("orders.Return", "keyboard_return"),
        ("orders.Dispute", "gavel"),
        ("orders.FraudWarning", "report"),
        ("orders.Payout", "account_balance"),
        ("orders.ReconciliationRun", "balance"),
        ("orders.ReconciliationDifference", "difference"),
        ("orders.Customer", "person"),
        ("orders.Cart", "shopping_cart"),
        ("orders.Consent", "handshake"),
    ),
    "Refills": (
        ("orders.Subscription", "autorenew"),
        ("refill_figures", "monitoring"),
        ("refill_demand", "stacked_bar_chart"),
        ("orders.Refill", "package_2"),
        ("orders.BulkChange", "playlist_add_check"),
        ("orders.BulkChangeRow", "rule"),
        ("orders.PriceRise", "trending_up"),
        ("orders.RefillExtra", "add_circle"),
        ("orders.BillingCycle", "event_repeat"),
        ("orders.SavedCard", "credit_card"),
        ("orders.RefillBreaker", "electric_bolt"),
    ),
    "Catalogue & stock": (
        ("catalog.Product", "spa"),
        ("catalog.Variant", "straighten"),
        ("catalog.Category", "category"),
        ("catalog.Price", "sell"),
        ("catalog.StockLevel", "inventory_2"),
        ("catalog.Lot", "qr_code_2"),
        ("catalog.RawLot", "grain"),
        ("catalog.StockReservation", "bookmark"),
        ("catalog.StockMovement", "swap_vert"),
        ("catalog.StockRequest", "notifications"),
        ("catalog.Synonym", "manage_search"),
        ("catalog.ImportJob", "upload_file"),
    ),
    "Discounts": (
        ("orders.Discount", "percent"),
        ("orders.DiscountCode", "confirmation_number"),
        ("orders.OrderDiscount", "redeem"),
    ),
    "Content": (
        ("content.Article", "article"),
        ("content.Revision", "history"),
        ("content.Topic", "label"),
        ("content.Citation", "format_quote"),
        ("content.Reviewer", "verified"),
        ("content.ClaimOverride", "gavel"),
        ("content.FormerSlug", "redo"),
    ),
    "Mail": (
        ("mail.OutboxMessage", "mail"),
        ("mail.SuppressedAddress", "unsubscribe"),
    ),
    "Settings": (
        ("orders.ShippingZone", "public"),
        ("orders.ShippingMethod", "local_shipping"),
        ("orders.ShippingRate", "scale"),
        ("orders.TaxRate", "percent"),
        ("orders.SellerIdentity", "storefront"),
        ("orders.InvoiceSeries", "tag"),
        ("accounts.User", "badge"),
        ("auth.Group", "groups"),
        ("accounts.RefundLimit", "price_check"),
        ("history.Change", "manage_history"),
        ("privacy.Erasure", "person_remove"),
        ("orders.PaymentAttempt", "api"),
        ("orders.WebhookEvent", "webhook"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar with the pages that this person may see."""
    pages = {model._meta.label: page for model, page in site._registry.items()}
    groups: list[dict[str, Any]] = []
    for title, records in GROUPS.items():
        items = [
            _item(label, icon)
            for label, icon in records
            if _record(label) in pages and pages[_record(label)].has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    _mark_here(request, [item for group in groups for item in group["items"]])
    return groups


def _mark_here(request: HttpRequest, items: list[dict[str, Any]]) -> None:
    """Mark the one page that this is: the address of a list begins those of its pages."""
    links = [item["link"] for item in items if request.path.startswith(item["link"])]
    here = max(links, key=len, default="")
    for item in items:
        item["active"] = item["link"] == here


def _record(label: str) -> str:
    return PAGES[label][2] if label in PAGES else label


def _item(label: str, icon: str) -> dict[str, Any]:
    if label in PAGES:
        address, title, _ = PAGES[label]
        return {"title": title, "icon": icon, "link": reverse(address)}
    meta = apps.get_model(label)._meta
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return {"title": str(meta.verbose_name_plural).capitalize(), "icon": icon, "link": link}
