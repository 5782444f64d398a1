"""The newest articles as an Atom feed: what each is about, and where it is."""

from datetime import datetime

from django.conf import settings
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape

from content import links, reading

ENTRIES = 20
TITLE = f"{settings.SHOP_NAME}: articles"
SUBTITLE = "How to use flakes and oil, what the label says, and what is known and what is not."


def atom(at: datetime) -> str:
    """Return the feed. Source: RFC 4287; an entry keeps its id when its address changes."""
    feed = Atom1Feed(
        title=TITLE,
        link=links.absolute(links.ARTICLES_PATH),
        description="",
        subtitle=SUBTITLE,
        language="en-GB",
        feed_url=links.absolute(links.FEED_PATH),
        feed_guid=links.absolute(links.FEED_PATH),
        author_name=settings.SHOP_NAME,
    )
    for article in reading.live_articles(at).order_by("-published_at", "-pk")[:ENTRIES]:
        feed.add_item(
            title=article.title,
            link=links.absolute(links.article_path(article.slug)),
            # Atom's summary is HTML here, ours is plain text.
            description=escape(article.summary),
            author_name=article.author,
            pubdate=article.published_at,
            updateddate=article.updated_at,
            unique_id=links.lasting_id(article),
            categories=[topic.name for topic in article.topics.all()],
        )
    return feed.writeString("utf-8")
