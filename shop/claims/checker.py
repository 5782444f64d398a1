"""Checking copy: which rules a text's sentences match. No match means "no rule matched", and no more."""

from collections.abc import Iterable
from dataclasses import dataclass

from shop.claims.reading import Sentence, sentences_of_html, sentences_of_text
from shop.claims.rules import Rule, RuleBook, rule_book

# A limiting phrase ("has not been shown") can also hide a claim, so it lowers and never clears.
LOWERED = {"block": "review", "review": "review", "warn": "info", "info": "info"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that a sentence matched; `start` is the match's place in the sentence, `line` the source's."""

    rule: str
    severity: str
    sentence: str
    match: str
    start: int
    reason: str
    suggestion: str
    jurisdictions: tuple[str, ...]
    line: int


def check_text(text: str) -> list[Finding]:
    """Return what the rules find in plain text, in reading order; at most one finding a rule and sentence."""
    return _check(sentences_of_text(text))


def check_html(source: str) -> list[Finding]:
    """Return what the rules find in a page: its text, alt texts, titles and labels."""
    return _check(sentences_of_html(source))


def rules_version() -> str:
    """Return the version of the rule file in use."""
    return rule_book().version


def _check(sentences: Iterable[Sentence]) -> list[Finding]:
    book = rule_book()
    return [finding for sentence in sentences for finding in _findings(book, sentence)]


def _findings(book: RuleBook, sentence: Sentence) -> list[Finding]:
    folded = sentence.folded
    hits = [(rule, hit) for rule in book.rules if (hit := rule.pattern.search(folded))]
    if not hits:
        return []
    limited = book.limiting.search(folded) is not None
    return [_finding(rule, sentence, hit.span(), limited) for rule, hit in hits]


def _finding(rule: Rule, sentence: Sentence, span: tuple[int, int], limited: bool) -> Finding:
    return Finding(
        rule=rule.id,
        severity=LOWERED[rule.severity] if limited and rule.is_lowered_by_limits else rule.severity,
        sentence=sentence.text,
        match=sentence.text[span[0] : span[1]],
        start=span[0],
        reason=rule.reason,
        suggestion=rule.suggestion,
        jurisdictions=rule.jurisdictions,
        line=sentence.line,
    )
