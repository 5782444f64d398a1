"""The articles in the admin."""

from content.admin import articles, library

__all__ = ["articles", "library"]
