"""What the warehouse's rules come to, in plain Python: no database, no locks, nothing shared with the verbs."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta


class No(Exception):
    """The rules refuse that step; nothing has happened."""


@dataclass
class Batch:
    """One lot: `shelf` units on sale of `building` units in all."""

    sku: str
    last_day: date
    best_before: date
    status: str = "quarantine"
    shelf: int = 0
    building: int = 0


@dataclass
class Promise:
    """Units of one SKU spoken for by one order."""

    who: str
    sku: str
    units: int
    until: datetime | None
    status: str = "held"
    left: int = 0

    @property
    def open(self) -> int:
        return self.units - self.left if self.status in ("held", "allocated") else 0


@dataclass
class Shop:
    """All stock: lots by code, goods without lots by SKU, promises oldest first."""

    lots: dict[str, Batch] = field(default_factory=dict)
    loose: dict[str, int] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)

    def on_hand(self, sku: str) -> int:
        shelves = sum(lot.shelf for lot in self.lots.values() if lot.sku == sku)
        return self.loose.get(sku, 0) + shelves

    def reserved(self, sku: str) -> int:
        return sum(promise.open for promise in self.promises if promise.sku == sku)

    def free(self, sku: str) -> int:
        return self.on_hand(sku) - self.reserved(sku)

    def trying(self) -> "Shop":
        """Return a copy to try a step on."""
        return deepcopy(self)

    def receive(self, code: str, lot: Batch, n: int) -> None:
        self.lots.setdefault(code, lot).building += n

    def receive_loose(self, sku: str, n: int) -> None:
        self.loose[sku] = self.loose.get(sku, 0) + n

    def release(self, code: str, today: date) -> None:
        lot = self.lots[code]
        if today > lot.last_day or lot.status in ("aged_out", "recalled"):
            raise No
        lot.status, lot.shelf = "released", lot.building

    def withdraw(self, code: str, status: str) -> None:
        lot = self.lots[code]
        if lot.status == status:
            return
        if status == "quarantine" and lot.status != "released":
            raise No
        self._make_room(lot.sku, lot.shelf)
        lot.status, lot.shelf = status, 0

    def age(self, today: date) -> None:
        for code, lot in self.lots.items():
            if lot.status == "released" and today > lot.last_day:
                self.withdraw(code, "aged_out")

    def hold(self, who: str, wanted: dict[str, int], until: datetime, at: datetime) -> None:
        mine = {
            p.sku: p for p in self.promises if p.who == who and p.status in ("held", "allocated", "short")
        }
        more = {sku: self._missing(mine.get(sku), n) for sku, n in wanted.items()}
        self._free_expired([sku for sku, n in more.items() if n > 0 and self.free(sku) < n], at, who)
        if any(n > 0 and self.free(sku) < n for sku, n in more.items()):
            raise No
        for promise in list(self.promises):
            if promise.who == who and promise.sku not in wanted:
                if promise.status == "held":
                    self._drop(promise)
                if promise.status == "released":
                    self.promises.remove(promise)
        for sku, n in wanted.items():
            promise = mine.get(sku)
            if promise is None:
                self.promises.append(Promise(who, sku, n, until))
            elif promise.status != "allocated":
                promise.units = promise.units if promise.status == "short" else n
                promise.status, promise.until = "held", until

    def pay(self, who: str) -> bool:
        mine = [promise for promise in self.promises if promise.who == who]
        covered = {p.sku for p in mine if p.status in ("held", "allocated", "consumed")}
        if not mine or covered != {promise.sku for promise in mine}:
            return False
        for promise in mine:
            if promise.status == "held":
                promise.status = "allocated"
        return True

    def give_up(self, who: str) -> None:
        for promise in self.promises:
            if promise.who == who and promise.status in ("held", "allocated", "short"):
                self._drop(promise)

    def sweep(self, at: datetime) -> None:
        for promise in self.promises:
            if promise.status == "held" and promise.until <= at:
                self._drop(promise)

    def cover(self, who: str, at: datetime) -> bool:
        short = [p for p in self.promises if p.who == who and p.status == "short"]
        need = {promise.sku: promise.units - promise.left for promise in short}
        self._free_expired([sku for sku, n in need.items() if self.free(sku) < n], at, who)
        if any(self.free(sku) < n for sku, n in need.items()):
            return False
        for promise in short:
            promise.status = "allocated"
        return True

    def pack(self, who: str, sku: str, takes: dict[str | None, int], today: date) -> None:
        """Take units of each lot (None: goods without lots) for an order that paid for them."""
        n = sum(takes.values())
        promise = next(
            (p for p in self.promises if (p.who, p.sku, p.status) == (who, sku, "allocated")), None
        )
        if promise is None or promise.open < n:
            raise No
        for code, units in takes.items():
            lot = self.lots.get(code)
            if lot and (lot.status != "released" or today > lot.last_day or lot.shelf < units):
                raise No
            self._move(sku, code, -units)
        promise.left += n
        if promise.left == promise.units:
            promise.status = "consumed"

    def earliest_first(self, sku: str, n: int, today: date) -> dict[str | None, int]:
        if not any(lot.sku == sku for lot in self.lots.values()):
            return {None: n}
        takes: dict[str | None, int] = {}
        good = [
            (lot.best_before, code)
            for code, lot in self.lots.items()
            if lot.sku == sku and lot.status == "released" and today <= lot.last_day
        ]
        for _, code in sorted(good):
            if take := min(self.lots[code].shelf, n - sum(takes.values())):
                takes[code] = take
        if sum(takes.values()) < n:
            raise No
        return takes

    def come_back(self, sku: str, code: str | None, n: int) -> None:
        if code is None:
            self.loose[sku] += n
        else:
            self.lots[code].building += n

    def change(self, sku: str, code: str | None, n: int, *, waiting: bool = False) -> None:
        """Change a count by hand: off the shelf, or where units wait that are not on sale."""
        lot = self.lots.get(code)
        if lot is not None and (waiting or lot.status != "released"):
            if lot.building - lot.shelf + n < 0:
                raise No
            lot.building += n
            return
        shelf = lot.shelf if lot else self.loose[sku]
        if shelf + n < 0:
            raise No
        self._make_room(sku, -n)
        self._move(sku, code, n)

    def seen(self, sku: str, code: str | None) -> int:
        """Return what a person who counts finds: the shelf, or what waits of a lot that is not on sale."""
        lot = self.lots.get(code)
        if lot is None:
            return self.loose[sku]
        return lot.shelf if lot.status == "released" else lot.building

    @staticmethod
    def _missing(promise: Promise | None, n: int) -> int:
        if promise is None:
            return n
        return {"short": promise.units - promise.left, "allocated": 0, "held": n - promise.units}[
            promise.status
        ]

    def _free_expired(self, skus: list[str], at: datetime, but: str) -> None:
        for promise in self.promises:
            expired = promise.status == "held" and promise.until <= at
            if expired and promise.sku in skus and promise.who != but:
                self._drop(promise)

    def _drop(self, promise: Promise) -> None:
        promise.status = "consumed" if promise.left else "released"
        promise.units = promise.left or promise.units

    def _move(self, sku: str, code: str | None, n: int) -> None:
        if code is None:
            self.loose[sku] += n
        else:
            self.lots[code].shelf += n
            self.lots[code].building += n

    def _make_room(self, sku: str, leaving: int) -> None:
        for status, then in (("held", None), ("allocated", "short")):
            for promise in reversed(self.promises):
                if self.reserved(sku) <= self.on_hand(sku) - leaving:
                    return
                if promise.sku == sku and promise.status == status:
                    if then:
                        promise.status = then
                    else:
                        self._drop(promise)


def last_day(best_before: date, remaining_days: int) -> date:
    """Return the last day on which a lot may be sold."""
    return best_before - timedelta(days=remaining_days)
