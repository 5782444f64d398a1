"""Records of the catalogue."""

from catalog.models.back_in_stock import StockRequest
from catalog.models.image import ProductImage
from catalog.models.imports import ImportJob
from catalog.models.inventory import Lot, LowStockAlert, RawLot, StockLevel, StockMovement, StockReservation
from catalog.models.price import Price
from catalog.models.product import BundleComponent, Category, Product, Variant
from catalog.models.search import SearchEntry, SearchWord, Synonym

__all__ = [
    "BundleComponent",
    "Category",
    "ImportJob",
    "Lot",
    "LowStockAlert",
    "Price",
    "Product",
    "ProductImage",
    "RawLot",
    "SearchEntry",
    "SearchWord",
    "StockLevel",
    "StockMovement",
    "StockRequest",
    "StockReservation",
    "Synonym",
    "Variant",
]
