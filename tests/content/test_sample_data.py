"""The sample articles: honest, complete, and loaded once."""

import pytest

from catalog import sample_data as catalog_samples
from content import gate, sample_data
from content import words as wording
from content.models import Article, ArticleProduct, Citation, Reviewer, Revision
from tests.factories.content import AT

pytestmark = pytest.mark.django_db

HOW_TOS = {"how-to-take-a-magnesium-foot-soak", "magnesium-oil-spray-first-week"}


def test_the_samples_are_loaded_once_and_two_are_published() -> None:
    catalog_samples.load(at=AT)
    sample_data.load(at=AT)
    sample_data.load(at=AT)

    published = set(Article.objects.live(AT).values_list("slug", flat=True))
    assert published == HOW_TOS
    assert Article.objects.count() == Revision.objects.count() == 6
    assert (Citation.objects.count(), Reviewer.objects.filter(is_fictitious=True).count()) == (12, 2)
    assert ArticleProduct.objects.filter(article__slug="how-to-take-a-magnesium-foot-soak").count() == 5
    assert not Article.objects.live(AT).filter(is_health_topic=True).exists()


def test_no_rule_blocks_a_sample_and_every_mark_has_its_source() -> None:
    sample_data.load(at=AT)

    for article in Article.objects.all():
        revision = wording.newest(article)
        assert gate.open_blocks(revision) == [], article.slug
        assert set(wording.citation_marks(revision.content["body"])) == set(revision.content["citations"])
        assert len(revision.content["key_takeaways"]) in range(3, 7)


def test_the_samples_wait_for_products_that_are_not_there_yet() -> None:
    sample_data.load(at=AT)
    assert not ArticleProduct.objects.exists()

    catalog_samples.load(at=AT)
    sample_data.load(at=AT)

    assert ArticleProduct.objects.exists()


def test_staffs_own_edits_survive_another_load() -> None:
    sample_data.load(at=AT)
    Article.objects.filter(slug="evening-soak-routine").update(summary="Ours.")

    sample_data.load(at=AT)

    assert Article.objects.get(slug="evening-soak-routine").summary == "Ours."
