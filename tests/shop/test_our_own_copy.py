"""Our own words make no health claims: the copy checker reads everything that customers do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from catalog.cautions import TEXTS
from orders.checkout import REFILL_TEXT, TERMS_TEXT
from shop.claims.checker import Finding, check_html, check_text

ROOT: Path = settings.BASE_DIR
TEMPLATES = sorted(
    path
    for folder in ("orders", "shop/mail", "shop/storefront", "content", "catalog")
    for path in (ROOT / folder).rglob("templates/**/*")
    if path.suffix in {".html", ".txt"} and "admin" not in path.parts
)
FIXTURES = sorted((ROOT / "catalog" / "fixtures").glob("*.json"))
_TAGS = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
_VARIABLES = re.compile(r"{{.*?}}", re.DOTALL)


def _blocks(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.sentence) for finding in findings if finding.severity == "block"]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def test_there_is_something_to_read() -> None:
    assert len(TEMPLATES) > 30
    assert FIXTURES


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_or_mail_makes_no_claim(path: Path) -> None:
    words = _VARIABLES.sub("something", _TAGS.sub(" ", path.read_text(encoding="utf-8")))

    assert _blocks(check_html(words) if path.suffix == ".html" else check_text(words)) == []


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_the_sample_catalogue_makes_no_claim(path: Path) -> None:
    found = {
        text: _blocks(check_text(text)) for text in _strings(json.loads(path.read_text(encoding="utf-8")))
    }

    assert {text: blocks for text, blocks in found.items() if blocks} == {}


@pytest.mark.parametrize("text", [*TEXTS.values(), TERMS_TEXT, REFILL_TEXT], ids=lambda text: text[:30])
def test_cautions_and_consents_make_no_claim(text: str) -> None:
    assert _blocks(check_text(text)) == []


def test_the_checker_would_notice() -> None:
    """The control: a claim in a mail does not pass."""
    assert _blocks(check_html("<p>Our oil relieves nerve pain overnight.</p>")) != []
