"""Pictures of articles, as annotations: they cost a list no query."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from content.models import ArticleImage
from shop.images import showing


def riding_along(article: str = "pk") -> ArraySubquery:
    """Return all pictures of an article that are ready; `article` is the outer query's path to it."""
    return showing.riding_along(ArticleImage.objects.filter(article=OuterRef(article)))
