"""Characters that nobody sees reach no header and are no answer to a question."""

import pytest

from shop.characters import one_line, shows_nothing


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Order\r\nBcc: all@shop.example", "Order Bcc: all@shop.example"),
        ("a\x00b\x1b[31mc\x85d\u2028e\u2029f", "a b [31mc d e f"),
        ("\u202egnp.exe\u2066x\u2069\u200f\u061c", "gnp.exex"),
        ("zero\u200bwidth\ufeff\u2060\u00ad", "zerowidth"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("half \ud800 of a pair", "half of a pair"),
        ("  Ada   Byron ", "Ada Byron"),
        ("Zoë Łukasz 李 \u0646\u200c\u0645 👩\u200d🚀", "Zoë Łukasz 李 \u0646\u200c\u0645 👩\u200d🚀"),
    ],
)
def test_a_line_keeps_what_can_be_seen(typed: str, kept: str) -> None:
    assert one_line(typed) == kept


@pytest.mark.parametrize("typed", ["\u202e", "\u200b\u200b", " \u2066\u2069 ", "\u00ad", "\u200d", "\u3164"])
def test_text_without_a_visible_character_is_found_out(typed: str) -> None:
    assert shows_nothing(typed)


@pytest.mark.parametrize("typed", ["", "  ", "A", "\u202eA", "👩\u200d🚀"])
def test_empty_is_just_empty_and_words_are_words(typed: str) -> None:
    assert not shows_nothing(typed)
