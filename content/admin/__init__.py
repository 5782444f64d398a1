"""The articles in the admin."""

from content.admin import articles, library, revisions

__all__ = ["articles", "library", "revisions"]
