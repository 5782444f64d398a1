"""Any sequence of warehouse days, played twice: by the verbs on PostgreSQL and by a plain model beside them.

`STOCK_MACHINE_RUNS=1000` plays that many; `make test` plays a few.
"""

import os
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from catalog import inventory
from catalog.models import Lot, StockLevel, StockReservation
from shop.exceptions import ShopError
from tests.catalog.stock_model import Batch, No, Shop, last_day
from tests.factories.catalog import AT, make_variant

pytestmark = pytest.mark.django_db

RUNS = int(os.environ.get("STOCK_MACHINE_RUNS", "12"))
REMAINING_DAYS = 30
TRACKED, LOOSE = ("FLAKES", "OIL"), "SCOOP"
# days from now to best-before: some lots age while the machine runs
LOTS = {
    "F1": ("FLAKES", 40),
    "F2": ("FLAKES", 45),
    "F3": ("FLAKES", 400),
    "O1": ("OIL", 50),
    "O2": ("OIL", 400),
}

units = st.integers(1, 5)
whos = st.sampled_from(["order:A", "order:B", "order:C", "order:D"])
codes = st.sampled_from(sorted(LOTS))
places = st.sampled_from([*sorted(LOTS), None])
skus = st.sampled_from([*TRACKED, LOOSE])


class Warehouse(RuleBasedStateMachine):
    """Each rule takes one step on both sides and expects the same answer."""

    @initialize()
    def open(self):
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.at, self.steps, self.model = AT, 0, Shop(loose={LOOSE: 0})
        facts = {"stock": 0, "prices": {}, "min_remaining_life_days": REMAINING_DAYS}
        self.variants = {sku: make_variant(sku=sku, **facts) for sku in TRACKED}
        self.variants[LOOSE] = make_variant(sku=LOOSE, stock=0, prices={}, is_lot_tracked=False)
        self.receive_loose(6)
        for code in ("F1", "F3", "O1"):
            self.receive(code, 5)
            self.release_lot(code)

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def both(self, on_model, on_shop):
        """Take a step on both sides; a step that one refuses, the other must refuse."""
        trial, refused, said = self.model.trying(), False, None
        try:
            said = on_model(trial)
        except No:
            refused = True
        else:
            self.model = trial
        self.steps += 1
        facts = {"at": self.at, "cause": f"step:{self.steps}"}
        answer, complaint = None, None
        try:
            with transaction.atomic():
                answer = on_shop(facts)
        except ShopError as error:
            complaint = error.detail
        assert (complaint is not None) == refused, complaint or "only the model refused"
        assert refused or said is None or answer == said

    def lot(self, code):
        return Lot.objects.filter(code=code).first() if code else None

    def place(self, code):
        """Return (SKU, code) of a lot that was received, or of the goods without lots."""
        return (LOTS[code][0], code) if code in self.model.lots else (LOOSE, None)

    @rule(code=codes, n=units)
    def receive(self, code, n):
        sku, days = LOTS[code]
        best_before = AT.date() + timedelta(days=days)
        lot = Batch(sku, last_day(best_before, REMAINING_DAYS), best_before)
        made = {"variant": self.variants[sku], "code": code, "quantity": n, "best_before_on": best_before}
        self.both(
            lambda model: model.receive(code, lot, n),
            lambda facts: inventory.receive_lot(**made, **facts),
        )

    @rule(n=units)
    def receive_loose(self, n):
        self.both(
            lambda model: model.receive_loose(LOOSE, n),
            lambda facts: inventory.receive_count(self.variants[LOOSE], n, **facts),
        )

    @rule(code=codes)
    def release_lot(self, code):
        if lot := self.lot(code):
            self.both(
                lambda model: model.release(code, self.at.date()),
                lambda facts: inventory.release_lot(lot, actor=None, **facts),
            )

    @rule(code=codes, recalled=st.sampled_from([False, False, False, True]))
    def withdraw(self, code, recalled):
        verb, status = (inventory.recall, "recalled") if recalled else (inventory.quarantine, "quarantine")
        if lot := self.lot(code):
            self.both(
                lambda model: model.withdraw(code, status), lambda facts: verb(lot, actor=None, **facts)
            )

    @rule(minutes=st.sampled_from([1, 20, 24 * 60, 7 * 24 * 60]))
    def time_passes(self, minutes):
        self.at += timedelta(minutes=minutes)

    @rule()
    def age(self):
        self.both(lambda model: model.age(self.at.date()), lambda facts: inventory.age_out(at=self.at))

    @rule(who=whos, wanted=st.dictionaries(skus, units, min_size=1, max_size=3))
    def hold(self, who, wanted):
        until = self.at + timedelta(minutes=15)
        quantities = {self.variants[sku].pk: n for sku, n in wanted.items()}
        self.both(
            lambda model: model.hold(who, wanted, until, self.at),
            lambda facts: inventory.reserve(reference=who, quantities=quantities, until=until, at=self.at),
        )

    @rule(who=whos)
    def pay(self, who):
        self.both(lambda model: model.pay(who), lambda facts: inventory.allocate(who, at=self.at))

    @rule(who=whos)
    def give_up(self, who):
        self.both(lambda model: model.give_up(who), lambda facts: inventory.release(who, at=self.at))

    @rule()
    def sweep(self):
        self.both(lambda model: model.sweep(self.at), lambda facts: inventory.release_expired(at=self.at))

    @rule(who=whos)
    def cover(self, who):
        self.both(
            lambda model: model.cover(who, self.at), lambda facts: inventory.cover_shortage(who, at=self.at)
        )

    @rule(who=whos, sku=skus, n=units)
    def pack(self, who, sku, n):
        today, variant = self.at.date(), self.variants[sku]

        def on_shop(facts):
            inventory.consume(who, picks=inventory.pick_fefo(variant.pk, n, today), **facts)

        self.both(lambda model: model.pack(who, sku, model.earliest_first(sku, n, today), today), on_shop)

    @rule(who=whos, code=codes, n=units)
    def pack_from_a_chosen_lot(self, who, code, n):
        if lot := self.lot(code):
            picks = [(lot.variant_id, lot.pk, n)]

            def on_shop(facts):
                inventory.consume(who, picks=picks, **facts)

            self.both(lambda model: model.pack(who, LOTS[code][0], {code: n}, self.at.date()), on_shop)

    @rule(code=places, n=units)
    def come_back(self, code, n):
        sku, code = self.place(code)
        made = {"variant": self.variants[sku], "lot": self.lot(code), "quantity": n}
        self.both(
            lambda model: model.come_back(sku, code, n), lambda facts: inventory.restock(**made, **facts)
        )

    @rule(code=places, n=st.integers(-4, 4).filter(bool), waiting=st.booleans())
    def adjust(self, code, n, waiting):
        sku, code = self.place(code)
        made = {"variant": self.variants[sku], "lot": self.lot(code), "quantity": n, "kind": "corrected"}
        words = {"reason": "found", "actor": None, "waiting": waiting and code is not None}

        def on_shop(facts):
            inventory.adjust(**made, **words, **facts)

        self.both(lambda model: model.change(sku, code, n, waiting=words["waiting"]), on_shop)

    @rule(code=places, n=st.integers(0, 9))
    def count(self, code, n):
        sku, code = self.place(code)
        made = {"variant": self.variants[sku], "lot": self.lot(code), "counted": n, "actor": None}

        def on_shop(facts):
            inventory.count(**made, **facts)

        self.both(lambda model: model.change(sku, code, n - model.seen(sku, code)), on_shop)

    @invariant()
    def nothing_drifts(self):
        assert inventory.differences() == []
        levels = StockLevel.objects.values_list("variant__sku", "on_hand", "reserved")
        assert {sku: (on_hand, reserved) for sku, on_hand, reserved in levels} == {
            sku: (self.model.on_hand(sku), self.model.reserved(sku)) for sku in self.variants
        }
        lots = Lot.objects.values_list("code", "status", "on_hand", "physical")
        assert {code: counts for code, *counts in lots} == {
            code: [lot.status, lot.shelf, lot.building] for code, lot in self.model.lots.items()
        }
        rows = StockReservation.objects.order_by("pk")
        facts = [
            [r.reference, r.variant.sku, r.quantity, r.consumed, r.status]
            for r in rows.select_related("variant")
        ]
        mine = [[p.who, p.sku, p.units, p.left, p.status] for p in self.model.promises]
        assert sorted(facts) == sorted(mine)


def test_whatever_a_warehouse_does_nothing_drifts():
    run_state_machine_as_test(
        Warehouse,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=40,
            deadline=None,
            derandomize=RUNS <= 12,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
