"""The rule file: read once, checked as it is read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from shop.exceptions import InvalidInput

RULE_FILE = Path(__file__).with_name("rules.json")
SEVERITIES = ("block", "review", "warn", "info")
# A gap without an upper bound makes a long line quadratic; `{0,60}` does not.
UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d+,\}")
# Sentences reach the patterns lower-cased and single-spaced, one at a time.
NEVER_MATCHES = re.compile(r"\\[sS]|\\n|(?<!\\)[A-Z]")
EXAMPLES_EACH_WAY = 5
# Words that several rules share: `@symptom@` stands for those of the file's "terms".
TERM = re.compile(r"@([a-z_]{1,30})@")


class BrokenRuleFile(InvalidInput):
    """The rule file cannot be used; nothing may be published until it is repaired."""

    code = "broken_rule_file"
    title = "The copy checker's rule file is broken"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of claim: how to recognise it, why it matters, what to write instead."""

    id: str
    group: str
    severity: str
    pattern: re.Pattern[str]
    reason: str
    suggestion: str
    jurisdictions: tuple[str, ...]
    catches: tuple[str, ...]
    passes: tuple[str, ...]
    # A rule about how something is said ("we may not say that it heals") is not lowered by a limiting word.
    is_lowered_by_limits: bool = True


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one version, and the phrases that limit what a sentence claims."""

    version: str
    limiting: re.Pattern[str]
    rules: tuple[Rule, ...]


@lru_cache(maxsize=1)
def rule_book() -> RuleBook:
    """Return the shop's rules.

    :raises BrokenRuleFile: if the file does not keep its own promises.
    """
    return read_rules(json.loads(RULE_FILE.read_text(encoding="utf-8")))


def read_rules(data: dict[str, Any]) -> RuleBook:
    """Return the rules of a parsed rule file.

    :raises BrokenRuleFile: on an unknown severity, a repeated id, too few examples, or a pattern that is not
        linear or could never match.
    """
    terms = {name: "|".join(words) for name, words in data.get("terms", {}).items()}
    rules = tuple(_read_rule(entry, terms) for entry in data["rules"])
    ids = [rule.id for rule in rules]
    if len(set(ids)) != len(ids):
        raise BrokenRuleFile("Two rules share an id.")
    limiting = _compile("limiting_phrases", "|".join(data["limiting_phrases"]))
    return RuleBook(version=data["version"], limiting=limiting, rules=rules)


def _read_rule(entry: dict[str, Any], terms: Mapping[str, str]) -> Rule:
    rule_id = entry["id"]
    if entry["severity"] not in SEVERITIES:
        raise BrokenRuleFile(f"{rule_id}: {entry['severity']} is not a severity.")
    if min(len(entry["catches"]), len(entry["passes"])) < EXAMPLES_EACH_WAY:
        raise BrokenRuleFile(f"{rule_id}: at least {EXAMPLES_EACH_WAY} sentences each way.")
    parts = entry["pattern"]
    source = parts if isinstance(parts, str) else "|".join(parts)
    return Rule(
        id=rule_id,
        group=entry["group"],
        severity=entry["severity"],
        pattern=_compile(rule_id, _with_terms(rule_id, source, terms)),
        reason=entry["reason"],
        suggestion=entry["suggestion"],
        jurisdictions=tuple(entry["jurisdictions"]),
        catches=tuple(entry["catches"]),
        passes=tuple(entry["passes"]),
        is_lowered_by_limits=entry.get("is_lowered_by_limits", True),
    )


def _with_terms(name: str, source: str, terms: Mapping[str, str]) -> str:
    """Return a pattern with each @term@ replaced by the words that the file lists under that name."""
    unknown = sorted(set(TERM.findall(source)) - set(terms))
    if unknown:
        raise BrokenRuleFile(f"{name}: there is no list of words named {', '.join(unknown)}.")
    return TERM.sub(lambda found: f"(?:{terms[found[1]]})", source)


def _compile(name: str, source: str) -> re.Pattern[str]:
    if UNBOUNDED.search(source):
        raise BrokenRuleFile(f"{name}: bound every repeat ({{0,60}}), or a long line takes quadratic time.")
    if NEVER_MATCHES.search(source):
        raise BrokenRuleFile(f"{name}: write lower case and plain spaces: sentences arrive so.")
    try:
        return re.compile(rf"\b(?:{source})\b")
    except re.error as error:
        raise BrokenRuleFile(f"{name}: {error}.") from error
