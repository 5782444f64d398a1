"""Every rule catches what it is for and lets through what it is not for."""

import pytest

from shop.claims import checker
from shop.claims.rules import BrokenRuleFile, read_rules, rule_book

RULES = rule_book().rules


def rules_that_match(text: str) -> set[str]:
    return {finding.rule for finding in checker.check_text(text)}


@pytest.mark.parametrize(("rule", "sentence"), [(rule.id, text) for rule in RULES for text in rule.catches])
def test_a_rule_catches_its_examples(rule: str, sentence: str) -> None:
    assert rule in rules_that_match(sentence)


@pytest.mark.parametrize(("rule", "sentence"), [(rule.id, text) for rule in RULES for text in rule.passes])
def test_a_rule_lets_its_counter_examples_pass(rule: str, sentence: str) -> None:
    assert rule not in rules_that_match(sentence)


def test_every_rule_says_why_what_instead_and_where() -> None:
    for rule in RULES:
        assert rule.reason
        assert rule.suggestion
        assert set(rule.jurisdictions) <= {"US", "GB", "EU"}


@pytest.mark.parametrize("pattern", ["a+b", "(?:a|b)*", "a{2,}", "Nerve", r"nerve\spain", "(?:nerve"])
def test_a_pattern_that_is_not_linear_or_never_matches_is_refused(pattern: str) -> None:
    entry = {
        "id": "X-01",
        "group": "x",
        "severity": "block",
        "pattern": pattern,
        "reason": "r",
        "suggestion": "s",
        "jurisdictions": ["GB"],
        "catches": ["a"] * 5,
        "passes": ["b"] * 5,
    }

    with pytest.raises(BrokenRuleFile, match="X-01"):
        read_rules({"version": "1", "limiting_phrases": ["not"], "rules": [entry]})
