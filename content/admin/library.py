"""What articles are made with: topics, sources and reviewers."""

from content.models import Citation, Reviewer, Topic
from shop.admin import ShopAdmin, register


@register(Topic)
class TopicAdmin(ShopAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


@register(Reviewer)
class ReviewerAdmin(ShopAdmin):
    list_display = ("name", "credential", "user", "is_fictitious")
    list_select_related = ("user",)
    search_fields = ("name", "credential")
    autocomplete_fields = ("user",)


@register(Citation)
class CitationAdmin(ShopAdmin):
    list_display = ("key", "authors", "year", "title", "design")
    search_fields = ("key", "authors", "title")
