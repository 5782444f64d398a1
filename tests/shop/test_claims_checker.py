"""The checker reads what a reader sees, sentence by sentence."""

from pathlib import Path

import pytest

from shop.claims import checker

ADVERTORIAL = Path(__file__).parent / "fixtures" / "advertorial.html"


def test_a_limiting_phrase_lowers_a_block_to_review_and_never_to_nothing() -> None:
    (plain,) = checker.check_text("Magnesium is absorbed within minutes.")
    (limited,) = checker.check_text("Whether magnesium is absorbed has not been shown.")

    assert (plain.rule, plain.severity) == ("ABS-01", "block")
    assert (limited.rule, limited.severity) == ("ABS-01", "review")


def test_a_limiting_phrase_lowers_a_warning_to_an_information() -> None:
    (finding,) = checker.check_text("It is not the purest salt on sale.")

    assert (finding.rule, finding.severity) == ("SUP-01", "info")


@pytest.mark.parametrize(
    "sentence",
    [
        "Don't let nerve pain win.",
        "It's not just for neuropathy.",
        "You can't go wrong with it for sciatica.",
        "Do not wait: insomnia ends here.",
    ],
)
def test_a_word_that_only_looks_limiting_lowers_nothing(sentence: str) -> None:
    assert "block" in {finding.severity for finding in checker.check_text(sentence)}


def test_a_limit_in_another_sentence_does_not_help() -> None:
    findings = checker.check_text("It cures cramps. That has not been shown.")

    assert [finding.severity for finding in findings if finding.rule == "DIS-02"] == ["block"]


@pytest.mark.parametrize(
    "hidden",
    [
        "ner\u200bve pa\u00adin",
        "nеrvе pаin",  # Cyrillic е and а
        "ｎｅｒｖｅ ｐａｉｎ",
        "nérve pàin",
        "n e r v e  p a i n",
        "n.e.r.v.e p.a.i.n",
        "n3rve p4in",
        "NERVE\u00a0PAIN",
        "nerve\npain",
        "nerve‑pain",
    ],
)
def test_a_word_hidden_from_patterns_is_found(hidden: str) -> None:
    assert [finding.rule for finding in checker.check_text(f"Good for {hidden} at night.")][:1] == ["DIS-01"]


@pytest.mark.parametrize(
    "source",
    [
        "<p>ner<b>ve</b> <i>pain</i></p>",
        "<p>nerve&nbsp;pain</p>",
        "<p>n&#101;rve<br>pain</p>",
        "<p>ner<!-- x -->ve pain</p>",
        '<p><img src="a.png" alt="nerve pain"></p>',
        '<p><a href="/" title="nerve pain">here</a></p>',
    ],
)
def test_markup_hides_nothing(source: str) -> None:
    assert [finding.rule for finding in checker.check_html(source)] == ["DIS-01"]


def test_the_end_of_a_block_ends_a_sentence() -> None:
    assert checker.check_html("<h2>A steady nerve</h2><p>Pain au chocolat for breakfast</p>") == []


def test_scripts_and_styles_are_not_copy() -> None:
    assert checker.check_html("<style>.neuropathy{}</style><script>var insomnia</script><p>Salt.</p>") == []


def test_a_finding_names_its_line_and_its_place_in_the_sentence() -> None:
    source = "<h2>Salt</h2>\n<p>First line.\nThen it helps against\nsciatica, they say.</p>"
    (finding,) = checker.check_html(source)

    assert finding.line == 3
    assert finding.sentence == "Then it helps against sciatica, they say."
    assert finding.sentence[finding.start :].startswith("sciatica")
    assert finding.match == "sciatica"


def test_abbreviations_do_not_end_a_sentence() -> None:
    findings = checker.check_text("Nothing is shown, e.g. for neuropathy, so it is not a treatment.")

    assert [finding.severity for finding in findings] == ["review"]


def test_an_advertorial_is_refused_many_times_over() -> None:
    findings = checker.check_html(ADVERTORIAL.read_text(encoding="utf-8"))
    blocked = [finding for finding in findings if finding.severity == "block"]

    assert len(blocked) >= 15
    assert {finding.rule[:3] for finding in blocked} >= {"DIS", "PAI", "ABS", "SF-", "SUP", "SAF", "TES"}


def test_a_long_line_is_read_to_its_end() -> None:
    (finding,) = checker.check_text("calm water and more water " * 4000 + "for sciatica")

    assert finding.rule == "DIS-01"


@pytest.mark.parametrize(
    "source",
    [
        '<p><img alt="a > b for sciatica"></p>',
        '<p><img alt="a < b for sciatica"></p>',
        "<p>2 < 3 for sciatica</p>",
        "<p>for sciatica <!-- no end",
        "<p>for sciatica <a href=",
        "<noscript>for sciatica</noscript>",
        "<p>for sci<wbr>atica</p>",
    ],
)
def test_what_cannot_be_read_as_a_tag_is_read_as_text(source: str) -> None:
    assert [finding.rule for finding in checker.check_html(source)] == ["DIS-01"]
