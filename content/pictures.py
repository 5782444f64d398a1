"""Pictures of articles, as annotations: they cost a list no query. And what their words may say."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from content.models import ArticleImage
from shop.claims import checker
from shop.claims.checker import Finding
from shop.images import showing

REFUSED = ("block", "review")


def riding_along(article: str = "pk") -> ArraySubquery:
    """Return all pictures of an article that are ready; `article` is the outer query's path to it."""
    return showing.riding_along(ArticleImage.objects.filter(article=OuterRef(article)))


def refused_words(alt: str) -> list[Finding]:
    """Return what speaks against an alt text: it says what is seen, and has no claim to be signed off."""
    return [finding for finding in checker.check_text(alt) if finding.severity in REFUSED]
