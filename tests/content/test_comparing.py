"""Two revisions side by side, as a reader would see them."""

from content import comparing
from content import words as wording
from content.publishing import EMPTY


def words(**changes: object) -> wording.Words:
    return wording.merged(EMPTY, changes)


def changed(spans: tuple[comparing.Span, ...]) -> list[str]:
    return [span.text for span in spans if span.is_changed]


def test_the_same_words_differ_in_nothing() -> None:
    assert comparing.compare(words(title="A"), words(title="A")) == []


def test_only_the_words_that_differ_are_marked() -> None:
    old = words(body="<p>Use five litres of water.</p>")
    new = words(body="<p>Use six litres of warm water.</p>")

    (change,) = comparing.compare(old, new)
    (row,) = change.rows

    assert change.label == "Body"
    assert changed(row.old) == ["five"]
    assert changed(row.new) == ["six", "warm "]


def test_a_new_paragraph_stands_alone_and_distant_ones_are_left_out() -> None:
    kept = "".join(f"<p>Line {number}.</p>" for number in range(9))
    old, new = words(body=f"{kept}<p>Last.</p>"), words(body=f"{kept}<p>New.</p><p>Last.</p>")

    (change,) = comparing.compare(old, new)

    assert [(len(row.old), changed(row.new)) for row in change.rows] == [(1, []), (0, ["New."]), (1, [])]
    assert change.skipped == 8


def test_headings_lists_and_the_goals_of_links_are_seen() -> None:
    body = '<h2>Fill</h2><ul><li>See <a href="https://a.example/">here</a></li></ul>'

    assert comparing.blocks_of(words(body=body)["body"]) == ["## Fill", "• See here (→ https://a.example/)"]


def test_a_change_of_formatting_alone_is_shown_as_it_is_written() -> None:
    (change,) = comparing.compare(words(body="<p>Pat dry.</p>"), words(body="<p><em>Pat</em> dry.</p>"))

    assert changed(change.rows[0].new) == ["<p><em>Pat</em>"]


def test_yes_and_no_and_lists_have_words_too() -> None:
    first = words(is_health_topic=False, key_takeaways=["Measure."])
    changes = comparing.compare(first, words(is_health_topic=True, key_takeaways=["Measure.", "Stir."]))

    assert [(change.label, change.rows[-1].new[0].text) for change in changes] == [
        ("Key takeaways", "Stir."),
        ("Health topic", "yes"),
    ]
