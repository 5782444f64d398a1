"""What is drawn from the seed: each run's customer, and the faults that go with it.

A seed fixes every plan. It cannot fix how processes interleave: that is left to the machine, on purpose.
"""

import random
from dataclasses import dataclass
from typing import Any

Fault = dict[str, Any]

CARD_OK = "4242424242424242"
CARD_DECLINED = "4000000000000002"
CARD_INSUFFICIENT = "4000000000009995"
CARD_3DS = "4000000000003220"
GOODS = (
    "FLK-ORI-1000", "FLK-ORI-0500", "FLK-FOT-1000", "FLK-FOT-0500", "FLK-LAV-0500", "OIL-STR-100",
    "OIL-STR-200", "OIL-GEN-100", "OIL-LAV-100", "ACC-SCP-STD", "FLK-ORI-10KG",
)  # fmt: skip
ON_REFILL = ("FLK-ORI-1000", "OIL-STR-100", "FLK-FOT-1000", "OIL-GEN-100")

INTENT = "^/v1/payment_intents/pi_[^/]+"
# where a fault can strike: method, path, weight
PLACES = (
    ("POST", "^/v1/payment_intents$", 5),
    ("GET", f"{INTENT}$", 5),
    ("POST", "^/v1/customers$", 1),
    ("POST", f"{INTENT}/cancel$", 1),
    ("POST", "^/v1/refunds$", 1),
    ("GET", "^/v1/refunds", 1),
)
API_KINDS = (
    ("drop_before", 3), ("drop_after", 4), ("reset_before", 1), ("reset_after", 3), ("429", 2), ("500", 2),
    ("500_after", 3), ("503", 1), ("409", 1), ("html", 1), ("hang_after", 1), ("truncate_after", 3),
    ("slow_after", 1),
)  # fmt: skip
HOOK_KINDS = (
    ("duplicate", 4), ("delay", 3), ("reorder", 3), ("lost", 4), ("drop_first", 1), ("bad_signature", 2),
    ("tamper", 2), ("old_timestamp", 2), ("no_signature", 1), ("unknown_type", 1),
)  # fmt: skip
EVENTS = ("^payment_intent", "^payment_intent.succeeded$", "^charge", "refund", "")
ENDINGS = (
    ("pay", 60), ("declined_then_pay", 10), ("declined", 4), ("authenticate", 10), ("abandon", 5),
    ("cancel", 4), ("cancel_while_paying", 6), ("late", 5),
)  # fmt: skip
REFUNDS = (("", 70), ("dashboard", 8), ("dashboard_part", 5), ("staff", 9), ("staff_part", 5), ("both", 3))


@dataclass(frozen=True)
class Plan:
    """One customer's journey and the faults put in force as it begins."""

    number: int
    lines: tuple[tuple[str, int, bool], ...]
    ending: str
    keyed: bool
    double_click: bool
    comes_back: bool
    refund: str
    faults: tuple[Fault, ...]

    @property
    def email(self) -> str:
        return f"chaos-{self.number}@customer.example"


def draw(seed: int, number: int) -> Plan:
    """Return the plan of one run."""
    rng = random.Random(f"{seed}:{number}")
    ending = one(rng, ENDINGS)
    paid = ending in {"pay", "declined_then_pay", "authenticate"}
    return Plan(
        number=number,
        lines=_lines(rng),
        ending=ending,
        keyed=rng.random() < 0.6,
        double_click=rng.random() < 0.2,
        comes_back=rng.random() < 0.5,
        refund=one(rng, REFUNDS) if paid else "",
        faults=(*_api_faults(rng), *hook_faults(rng)),
    )


def draw_refill_faults(seed: int, refills: int) -> list[Fault]:
    """Return the faults for the refills: those of the worker, with confirmations among them."""
    rng = random.Random(f"{seed}:refills")
    places = ((*PLACES[0][:2], 3), (*PLACES[1][:2], 2), ("POST", f"{INTENT}/confirm$", 6))
    drawn = [api_fault(rng, places) for _ in range(max(3, refills // 2))]
    return [*drawn, *(fault for _ in range(refills // 4) for fault in hook_faults(rng))]


def one(rng: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    """Draw a name by its weight."""
    names = [name for name, _ in weighted]
    return rng.choices(names, [weight for _, weight in weighted])[0]


def _lines(rng: random.Random) -> tuple[tuple[str, int, bool], ...]:
    """Return (sku, quantity, on refill) lines; a third of the customers take a refill."""
    found = {sku: (sku, rng.randint(1, 3), False) for sku in rng.sample(GOODS, rng.randint(1, 2))}
    if rng.random() < 0.35:
        for sku in rng.sample(ON_REFILL, rng.randint(1, 2)):
            found[sku] = (sku, 1, True)
    return tuple(found.values())


def _api_faults(rng: random.Random) -> list[Fault]:
    return [api_fault(rng, PLACES) for _ in range(rng.choices((0, 1, 2, 3), (2, 4, 3, 1))[0])]


def api_fault(rng: random.Random, places: tuple[tuple[str, str, int], ...]) -> Fault:
    """Draw one fault of Stripe's API at one of these (method, path, weight)."""
    method, path, _ = rng.choices(places, [place[2] for place in places])[0]
    fault: Fault = {"type": one(rng, API_KINDS), "method": f"^{method}$", "path": path, "times": 1}
    if fault["type"] == "500_after":
        fault["saved"] = rng.random() < 0.5
    if fault["type"] == "hang_after":
        fault["seconds"] = 8
    return fault


def hook_faults(rng: random.Random) -> list[Fault]:
    """Draw faults of a few webhooks."""
    kinds = [one(rng, HOOK_KINDS) for _ in range(rng.choices((0, 1, 2), (3, 4, 3))[0])]
    return [{"type": kind, "event": rng.choice(EVENTS), "times": rng.randint(1, 3)} for kind in kinds]
