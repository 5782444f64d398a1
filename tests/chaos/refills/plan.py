"""What is drawn from the seed: for each wave of due refills the faults and the blows, and when they fall."""

import random
from dataclasses import dataclass
from typing import Any

from tests.chaos import plan

Fault = dict[str, Any]

CREATE = ("POST", "^/v1/payment_intents$")
READ = ("GET", f"{plan.INTENT}$")
CONFIRM = ("POST", f"{plan.INTENT}/confirm$")
# What a worker asks for as it charges, and how often each is struck.
CALLS = ((*CREATE, 4), (*CONFIRM, 6), (*READ, 1))
HOLDS = (("hold_before", 1), ("hold_after", 1))
# Who is killed for a call that is held: the process that waits for it, or its whole worker.
VICTIMS = (("child", 3), ("worker", 2))
# Blows by the second: SIGKILL for the first five, then all connections cut, and Redis emptied.
BLOWS = (("child", 4), ("worker", 3), ("mail", 4), ("beat", 2), ("web", 1), ("connections", 3), ("redis", 3))
SLOW_TO_START = ("worker", "beat", "web")
# A wave's last blow by the second comes so long after its beginning at the latest.
LAST_BLOW_S, LAST_BLOW_GENTLY_S = 12.0, 6.0
KILLS = ("child", "worker", "mail", "beat", "web")


@dataclass(frozen=True)
class Blow:
    """One blow, so many seconds after its wave began."""

    after_s: float
    kind: str


@dataclass(frozen=True)
class Wave:
    """What is in force while one part of the refills falls due."""

    number: int
    rules: tuple[Fault, ...]
    victims: tuple[str, ...]
    blows: tuple[Blow, ...]


def draw(seed: int, number: int, *, refills: int, kills: int, gently: bool = False) -> Wave:
    """Return the plan of one wave of about so many refills, for about so many kills.

    `gently` kills none that takes long to start anew, and strikes in a shorter time.
    """
    rng = random.Random(f"{seed}:refills:{number}")
    held = max(1, round(kills * 0.8))
    rules = [
        *(_held(rng, refills) for _ in range(held)),
        *(_fault(rng, refills) for _ in range(max(2, refills // 3))),
        *(fault for _ in range(max(1, refills // 6)) for fault in plan.hook_faults(rng)),
    ]
    kinds = _blows(rng, tuple(blow for blow in BLOWS if not (gently and blow[0] in SLOW_TO_START)), kills)
    last_s = LAST_BLOW_GENTLY_S if gently else LAST_BLOW_S
    blows = [Blow(round(rng.uniform(0.5, last_s), 2), kind) for kind in kinds]
    return Wave(
        number,
        rules=tuple(rules),
        victims=tuple(plan.one(rng, VICTIMS[:1] if gently else VICTIMS) for _ in range(2 * held)),
        blows=tuple(sorted(blows, key=lambda blow: blow.after_s)),
    )


def _blows(rng: random.Random, kinds: tuple[tuple[str, int], ...], kills: int) -> list[str]:
    found: list[str] = []
    while sum(kind in KILLS for kind in found) < round(kills * 0.7):
        found.append(plan.one(rng, kinds))
    return found


def _held(rng: random.Random, refills: int) -> Fault:
    """A call that is held while somebody is killed: struck by its number among those of its kind."""
    method, path, _ = rng.choices(CALLS, [call[2] for call in CALLS])[0]
    most = refills if path != READ[1] else max(1, refills // 4)
    return {
        "type": plan.one(rng, HOLDS), "method": f"^{method}$", "path": path, "nth": rng.randint(1, most),
        "seconds": 1.5,
    }  # fmt: skip


def _fault(rng: random.Random, refills: int) -> Fault:
    fault = plan.api_fault(rng, CALLS)
    del fault["times"]
    return {**fault, "nth": rng.randint(1, max(2, refills))}
