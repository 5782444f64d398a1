"""What comes into an article's body, and what comes out on a page."""

import pytest

from content import markup, rendering
from content.models import Article
from tests.factories.content import make_article

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<svg onload=alert(1)><circle/></svg>",
    '<iframe src="https://evil.example"></iframe>',
    '<p style="background:url(javascript:alert(1))">x</p>',
    '<p onclick="alert(1)">x</p>',
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    '<img src="https://evil.example/pixel.gif">',
    '<img src="//evil.example/pixel.gif">',
    '<form action="https://evil.example"><input name=a></form>',
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<a href=\"vbscript:msgbox(1)\">x</a><object data='x'></object><embed src=x>",
    '<meta http-equiv="refresh" content="0;url=https://evil.example"><base href="//evil.example">',
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_or_calls_out_survives(attack: str) -> None:
    shown = rendering.render(f"<p>Before</p>{attack}<p>After</p>", []).html.lower()

    assert "before" in shown
    for trace in (
        "<script",
        "onerror",
        "onload",
        "onclick",
        "script:",
        "<iframe",
        "style=",
        'evil.example"',
        "data:",
    ):
        assert trace not in shown
    for tag in ("<form", "<svg", "<object", "<embed", "<meta", "<base", "<math"):
        assert tag not in shown


@pytest.mark.django_db
def test_a_body_is_clean_however_it_is_saved() -> None:
    article = make_article()
    article.body = "<p>Salt</p><script>alert(1)</script>"

    article.save()

    assert Article.objects.get().body == "<p>Salt</p>"


def test_headings_get_anchors_that_differ() -> None:
    page = rendering.render("<h2>Use it</h2><p>x</p><h3>Use it</h3><h2>È pronto?</h2>", [])

    assert [(heading.level, heading.anchor) for heading in page.contents] == [
        (2, "use-it"),
        (3, "use-it-2"),
        (2, "e-pronto"),
    ]
    assert '<h3 id="use-it-2">' in page.html


def test_marks_become_numbers_in_text_and_nowhere_else() -> None:
    source = '<p>Shown. [a-study] Not this [b-study]. <a href="/x" title="[a-study]">y</a></p>'
    page = rendering.render(source, ["a-study"])

    assert page.html.count('href="#ref-a-study"') == 1
    assert 'title="[a-study]"' in page.html
    assert "[b-study]" in page.html


def test_json_inside_a_script_cannot_close_it() -> None:
    script = rendering.as_json_script({"title": "</script><script>alert(1)</script><!-- & \u2028"})

    assert "<" not in script
    assert ">" not in script
    assert "\u2028" not in script


def test_an_empty_editor_is_an_empty_body() -> None:
    assert markup.sanitise("<p></p>") == ""
