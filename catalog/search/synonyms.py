"""What shoppers call things, and what they are called here: rows that staff edit.

Left: one or more words, as they are typed. Right: a tsquery in the words of our products. A word on the left
that our products use as well stands on the right too, so that nothing is lost. An answer to a word is no
promise about it: who types "epsom" is shown our flakes, whose page says what they are.
"""

from django.core.cache import cache

from catalog.models import Synonym

_KEY = "catalog.search.sayings"
# Forgotten with every change by staff; the time is for changes by hand in the database.
_SECONDS = 300


def sayings() -> dict[str, str]:
    """Return what each saying means. One query every few minutes, or for each search while Redis is gone."""
    kept: dict[str, str] | None = cache.get(_KEY)
    if kept is None:
        kept = dict(Synonym.objects.order_by().values_list("saying", "means"))
        cache.set(_KEY, kept, _SECONDS)
    return kept


def forget() -> None:
    """Let the next search read the rows: after every change of one."""
    cache.delete(_KEY)
