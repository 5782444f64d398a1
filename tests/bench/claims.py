"""How long the copy checker takes: `python -m tests.bench.claims`; exit 1 over 50 ms or 100 ms.

An article of 1,500 words, made of the sample articles, and for every rule a line of 100 kB made of the words of
its own examples that keep it busiest.
"""

import re
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from shop.claims import checker
from shop.claims.rules import Rule, rule_book

ARTICLES = Path(__file__).parents[2] / "content" / "fixtures" / "articles"
WORDS, ARTICLE_MS = 1_500, 50
LINE, LINE_MS = 100_000, 100


def milliseconds(work: Callable[[], object], *, tries: int = 7) -> float:
    """Return the processor's time for the quickest of some tries."""
    taken = []
    for _ in range(tries):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken) * 1000


def article() -> str:
    """Return 1,500 words of the sample articles, over again where they are too few."""
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted(ARTICLES.glob("*.html")))
    words = re.sub(r"<[^<>]*>", " ", text).split()
    return " ".join((words * (WORDS // len(words) + 1))[:WORDS])


def worst_line(rule: Rule) -> tuple[float, str]:
    """Return the time of a rule's slowest line, and the piece that the line repeats."""
    rows = [sentence.lower().split() for sentence in rule.catches]
    pieces = set(
        chain.from_iterable(
            (" ".join(row[start : start + length]) + " " for start in range(len(row)))
            for row in rows
            for length in (1, 2, 3)
        )
    )
    timed = [(_line_ms(rule, piece, 4_000, 1), piece) for piece in sorted(pieces)]
    slowest = [piece for _, piece in sorted(timed, reverse=True)[:3]]
    return max((_line_ms(rule, piece, LINE, 3), piece) for piece in slowest)


def _line_ms(rule: Rule, piece: str, length: int, tries: int) -> float:
    line = piece * (length // len(piece))
    return milliseconds(lambda: rule.pattern.search(line), tries=tries)


def main() -> int:
    """Print both and return the exit code."""
    text = article()
    checker.check_text(text)
    whole = milliseconds(lambda: checker.check_text(text))
    print(f"rules {checker.rules_version()}: {len(rule_book().rules)} rules")
    print(f"article of {WORDS} words: {whole:.1f} ms (at most {ARTICLE_MS})")
    lines = {rule.id: worst_line(rule) for rule in rule_book().rules}
    for rule_id, (taken, piece) in sorted(lines.items(), key=lambda item: -item[1][0]):
        print(f"{rule_id:9} {taken:6.1f} ms on 100 kB of {piece!r}")
    slowest = max(taken for taken, _ in lines.values())
    print(f"slowest rule: {slowest:.1f} ms (at most {LINE_MS})")
    return int(whole > ARTICLE_MS or slowest > LINE_MS)


if __name__ == "__main__":
    sys.exit(main())
