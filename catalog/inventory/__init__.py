"""Stock: what may be promised, what is promised, what came and what left.

Every verb runs inside the caller's transaction and locks in one order: StockLevel by primary key, then the
reservations of those levels, then Lot by primary key. `reference` is an opaque string of the caller.
"""

from catalog.inventory.audit import Difference, differences
from catalog.inventory.availability import (
    LOW_STOCK_UNITS,
    availability,
    available_for,
    available_of,
    demand_of,
    low_levels,
    pick_fefo,
    stock_state,
    stocked,
    with_stock,
)
from catalog.inventory.counting import adjust, count, receive_count, restock
from catalog.inventory.fulfilment import consume
from catalog.inventory.ledger import (
    LotMismatch,
    LotNotOnSale,
    LotRequired,
    LotTooOld,
    NotAllocated,
    NotEnoughStock,
    OutOfStock,
    Taken,
    last_sale_day,
    lock_levels,
    lock_lots,
    shop_date,
)
from catalog.inventory.lots import (
    age_out,
    ending_lots,
    lots_from,
    quarantine,
    recall,
    receive_lot,
    release_lot,
)
from catalog.inventory.reservations import (
    allocate,
    cover_shortage,
    is_reserved,
    release,
    release_expired,
    release_units,
    renew_hold,
    reserve,
)
from catalog.inventory.stocktake import Found, Place, StockMoved, book_stocktake, places

__all__ = [
    "LOW_STOCK_UNITS",
    "Difference",
    "Found",
    "LotMismatch",
    "LotNotOnSale",
    "LotRequired",
    "LotTooOld",
    "NotAllocated",
    "NotEnoughStock",
    "OutOfStock",
    "Place",
    "StockMoved",
    "Taken",
    "adjust",
    "age_out",
    "allocate",
    "availability",
    "available_for",
    "available_of",
    "book_stocktake",
    "consume",
    "count",
    "cover_shortage",
    "demand_of",
    "differences",
    "ending_lots",
    "is_reserved",
    "last_sale_day",
    "lock_levels",
    "lock_lots",
    "lots_from",
    "low_levels",
    "pick_fefo",
    "places",
    "quarantine",
    "recall",
    "receive_count",
    "receive_lot",
    "release",
    "release_expired",
    "release_lot",
    "release_units",
    "renew_hold",
    "reserve",
    "restock",
    "shop_date",
    "stock_state",
    "stocked",
    "with_stock",
]
