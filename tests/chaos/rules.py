"""Fault rules: what matches, when it fires. The grammar is that of `../shared/stripe/record_proxy.py`."""

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any

BEFORE = {"drop_before", "reset_before", "429", "500", "503", "409", "html"}
# A request that is kept on its way there, or its answer on its way back, so that somebody can be killed meanwhile.
HOLDS = {"hold_before", "hold_after"}
AFTER = {"drop_after", "reset_after", "hang_after", "500_after", "truncate_after", "slow_after"} | HOLDS
API_FAULTS = BEFORE | AFTER
FORGERIES = {"bad_signature", "tamper", "old_timestamp", "no_signature"}
HOOK_FAULTS = FORGERIES | {"duplicate", "delay", "reorder", "drop_first", "lost", "unknown_type"}


class Rule:
    """One fault: patterns that have to match, and `nth`, `times` or `p` that say when."""

    def __init__(self, spec: dict[str, Any], rng: random.Random) -> None:
        self.spec = dict(spec)
        self.type = str(spec["type"])
        if self.type not in API_FAULTS | HOOK_FAULTS:
            raise ValueError(f"unknown fault type {self.type!r}")
        self.side = "webhook" if self.type in HOOK_FAULTS else "api"
        names = ("method", "path", "body", "event")
        self._patterns = {name: re.compile(spec[name]) for name in names if name in spec}
        self._rng = rng
        self.seen = self.fired = 0

    def hits(self, given: dict[str, str]) -> bool:
        """Say whether the rule fires now, and count it."""
        if not all(pattern.search(given.get(name, "")) for name, pattern in self._patterns.items()):
            return False
        self.seen += 1
        if self.spec.get("nth") not in (None, self.seen):
            return False
        if self.fired >= self.spec.get("times", float("inf")):
            return False
        if self._rng.random() >= self.spec.get("p", 1.0):
            return False
        self.fired += 1
        return True


@dataclass
class Rules:
    """The rules in force; many threads ask."""

    rng: random.Random
    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, specs: list[dict[str, Any]]) -> None:
        """Put rules in force, after those that are."""
        fresh = [Rule(spec, self.rng) for spec in specs]
        with self._lock:
            self._rules += fresh

    def clear(self) -> None:
        """Let no fault happen any more."""
        with self._lock:
            self._rules = []

    def pick(self, side: str, *, first: bool, **given: str) -> list[Rule]:
        """Return the rules that fire: all of them, or only the first."""
        found = []
        with self._lock:
            for rule in self._rules:
                if rule.side == side and rule.hits(given):
                    found.append(rule)
                    if first:
                        break
            self._rules = [rule for rule in self._rules if not _is_spent(rule)]
        return found


def _is_spent(rule: Rule) -> bool:
    return rule.fired >= rule.spec.get("times", 1 if "nth" in rule.spec else float("inf"))
