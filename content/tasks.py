"""Background work of the articles."""

from celery import shared_task

from content import publishing
from shop.clock import reading


@shared_task(name="content.publish_due")
def publish_due_articles() -> None:
    """Publish scheduled articles whose time has come."""
    publishing.publish_due(at=reading.now())
