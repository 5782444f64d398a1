"""Background work of the articles."""

from celery import shared_task

from content import publishing
from content.models import ArticleImage
from shop.clock import reading
from shop.images import pictures


@shared_task(name="content.publish_due")
def publish_due_articles() -> None:
    """Publish scheduled articles whose time has come."""
    publishing.publish_due(at=reading.now())


@shared_task(name="content.prepare_pictures")
def prepare_pictures() -> None:
    """Draw the files of pictures that were uploaded."""
    pictures.prepare_waiting(ArticleImage)
