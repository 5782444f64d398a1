"""An article's past in the admin: two revisions side by side, overrides that were made, former addresses."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from content import comparing
from content.models import Article, ClaimOverride, FormerSlug, Revision
from shop.admin import ReadOnlyAdmin, register, site, time_column


def compare_page(request: HttpRequest, article: Article, opts: Any) -> HttpResponse:
    """Show two revisions side by side: those of `?old=` and `?new=`, else the newest and the one before."""
    revisions = list(article.revisions.select_related("edited_by", "signed_off_by").order_by("-number"))
    by_number = {str(revision.number): revision for revision in revisions}
    new = by_number.get(request.GET.get("new", ""), revisions[0])
    old = by_number.get(request.GET.get("old", ""), _before(new, revisions))
    context = {
        **site.each_context(request),
        "title": "Compare revisions",
        "subtitle": article.title,
        "opts": opts,
        "object": article,
        "restore": reverse("admin:content_article_restore", args=[article.pk]),
        "page": reverse("admin:content_article_change", args=[article.pk]),
        "revisions": revisions,
        "old": old,
        "new": new,
        "changes": comparing.compare(old.content, new.content),
    }
    return TemplateResponse(request, "content/admin/compare.html", context)


def _before(new: Revision, revisions: list[Revision]) -> Revision:
    """Return the revision before another one, or itself where it is the first."""
    return next((revision for revision in revisions if revision.number < new.number), new)


@register(ClaimOverride)
class ClaimOverrideAdmin(ReadOnlyAdmin):
    """Who let a blocked sentence pass, and why."""

    list_display = ("rule", "sentence", "reason", "made_by", "made", "article")
    list_select_related = ("made_by", "revision__article")
    search_fields = ("rule", "sentence", "reason")
    fields = ("rule", "sentence", "reason", "made_by", "made_at", "revision", "article", "fingerprint")
    readonly_fields = ("article",)
    made = time_column("made_at", "made")

    def article(self, override: ClaimOverride) -> str:
        return override.revision.article.title


@register(FormerSlug)
class FormerSlugAdmin(ReadOnlyAdmin):
    """Addresses that lead to where an article is now."""

    list_display = ("slug", "article", "changed")
    list_select_related = ("article",)
    search_fields = ("slug",)
    changed = time_column("changed_at", "changed")
