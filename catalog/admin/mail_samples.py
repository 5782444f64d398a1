"""What the preview page of the mails shows of this app: made-up rows that are never saved."""

from datetime import UTC, datetime

from catalog import alerts, emails
from catalog.models import LowStockAlert, Product, StockRequest, Variant
from shop.mail import preview
from shop.mail.outbox import Letter

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def _low_stock() -> Letter:
    product = Product(pk=0, slug="bath-flakes", name="Magnesium Bath Flakes, Unscented")
    small, large = (
        Variant(pk=-number, product=product, sku=sku, name=name, reorder_quantity=300, lead_time_days=21)
        for number, (sku, name) in enumerate([("FLK-ORI-1000", "1 kg pouch"), ("FLK-ORI-5000", "5 kg bag")])
    )
    return alerts.low_stock(
        [
            LowStockAlert(variant=small, available=12, reorder_point=80, began_at=AT),
            LowStockAlert(variant=large, available=0, reorder_point=20, began_at=AT),
        ]
    )


def _request() -> StockRequest:
    product = Product(pk=0, slug="bath-flakes", name="Magnesium Bath Flakes, Unscented")
    variant = Variant(pk=0, product=product, sku="FLK-ORI-1000", name="1 kg pouch")
    return StockRequest(pk=0, variant=variant, email="ada@buyer.example")


preview.offer(
    {
        "low_stock": _low_stock,
        "back_in_stock": lambda: emails.back_in_stock(_request(), picture=None),
        "back_in_stock_confirm": lambda: emails.confirm_back_in_stock(_request(), at=AT, picture=None),
    }
)
