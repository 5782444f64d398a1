"""Records of the catalogue."""

from catalog.models.imports import ImportJob
from catalog.models.inventory import Lot, LowStockAlert, RawLot, StockLevel, StockMovement, StockReservation
from catalog.models.price import Price
from catalog.models.product import BundleComponent, Category, Product, Variant

__all__ = [
    "BundleComponent",
    "Category",
    "ImportJob",
    "Lot",
    "LowStockAlert",
    "Price",
    "Product",
    "RawLot",
    "StockLevel",
    "StockMovement",
    "StockReservation",
    "Variant",
]
