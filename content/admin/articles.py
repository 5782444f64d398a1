"""Articles in the admin: the words with the checker's findings beside them, and buttons that call verbs."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action

from content import gate, links, publishing
from content import words as wording
from content.admin.forms import ArticleForm, NoteForm, OverrideForm, RestoreForm, ScheduleForm
from content.models import Article, ArticleProduct, Reviewer, Revision, Step
from shop.admin import InlineReadOnly, ShopAdmin, date_column, register, run_verb, site, time_column
from shop.claims import checker
from shop.clock.reading import now

Status = Article.Status

# Which buttons an article shows, by its state. What is missing for one is said when it is pressed.
BUTTONS: Mapping[str, frozenset[str]] = {
    Status.DRAFT: frozenset({"submit", "sign_off", "archive", "override", "restore"}),
    Status.IN_REVIEW: frozenset({"sign_off", "approve", "send_back", "override", "restore"}),
    Status.APPROVED: frozenset({"publish", "schedule", "send_back", "restore"}),
    Status.SCHEDULED: frozenset({"publish", "send_back", "restore"}),
    Status.PUBLISHED: frozenset({"sign_off", "publish", "archive", "override", "restore"}),
    Status.ARCHIVED: frozenset({"reopen"}),
}


class ProductInline(TabularInline):
    model = ArticleProduct
    extra = 0
    autocomplete_fields = ()
    raw_id_fields = ("product", "variant")


class RevisionInline(InlineReadOnly):
    model = Revision
    fields = ("number", "edited_by", "created_at", "signed_off_by", "signed_off_at", "sign_off_note")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("edited_by", "signed_off_by")


class StepInline(InlineReadOnly):
    model = Step
    fields = ("at", "kind", "by", "note")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("by")


@register(Article)
class ArticleAdmin(ShopAdmin):
    form = ArticleForm
    list_display = (
        "title",
        "type",
        "status",
        "reviewer",
        "published",
        "last_reviewed",
        "review_due",
    )
    list_filter = ("status", "type", "is_health_topic", "topics")
    list_select_related = ("reviewer",)
    search_fields = ("title", "slug")
    autocomplete_fields = ("topics", "related_articles", "author_user")
    inlines = (ProductInline, RevisionInline, StepInline)
    readonly_fields = ("findings", "missing", "state", "preview")
    fieldsets = (
        (None, {"fields": ("state", "preview", "missing", "findings")}),
        ("Words", {"fields": ("title", "slug", "summary", "body", "takeaways")}),
        ("Health", {"fields": ("is_health_topic", "sources", "cautions")}),
        ("About it", {"fields": ("type", "author", "author_user", "topics", "related_articles")}),
        ("Review", {"fields": ("review_interval_months",)}),
    )
    actions_detail = (
        *("submit", "sign_off", "approve", "publish", "schedule", "send_back", "archive", "reopen"),
        *("override", "restore"),
    )
    published = time_column("published_at", "published")
    last_reviewed = date_column("last_reviewed_on", "last reviewed")
    review_due = date_column("review_due_on", "review due")
    questions: ClassVar[Mapping[str, str]] = {
        "submit": "Hand this article to review?",
        "sign_off": "You have read these words, with every finding below, and stand by them?",
        "approve": "Approve it for publishing?",
        "publish": "Show the newest words to readers from now on?",
        "schedule": "When is it to go live?",
        "send_back": "Give it back to its author?",
        "archive": "Take it away from readers?",
        "reopen": "Make it a draft again?",
        "override": "Which blocked sentence may pass, for these words only, and why? Kept with your name.",
        "restore": "Which words shall come back, as the newest revision?",
    }

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An article with a history is archived; its revisions and overrides are evidence.
        return False

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        at = now()
        if not change:
            facts = {"review_interval_months": obj.review_interval_months}
            made = publishing.save_draft(
                type=obj.type, author=obj.author, words=form.words(), by=request.user, at=at, **facts
            )
            obj.__dict__.update(made.__dict__)
            return
        article = Article.objects.get(pk=obj.pk)
        publishing.edit(article, changes=form.words(), by=request.user, at=at)
        facts_changed = [
            name
            for name in ("type", "author", "author_user", "review_interval_months")
            if name in form.changed_data
        ]
        if facts_changed:
            obj.save(update_fields=facts_changed)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        status = Article.objects.values_list("status", flat=True).filter(pk=object_id).first() or ""
        shown = {f"content_article_{name}" for name in BUTTONS.get(status, ())}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in shown]

    # --- what stands beside the text ------------------------------------------------------------------------

    def state(self, article: Article) -> str:
        """Where it is in its life, and whether newer words wait."""
        if not article.pk:
            return "new"
        shown = wording.of_article(article)
        waits = article.status == Status.PUBLISHED and wording.newest(article).content != shown
        return f"{article.get_status_display()}{', newer words wait for publishing' if waits else ''}"

    def preview(self, article: Article) -> SafeString | str:
        """A signed link to the page as it would be."""
        if not article.pk:
            return "–"
        return format_html('<a href="{}" target="_blank">Preview</a>', links.preview_path(article, at=now()))

    def missing(self, article: Article) -> SafeString | str:
        """What publishing still needs."""
        if not article.pk:
            return "–"
        lacks = gate.lacks(article, wording.newest(article))
        if not lacks:
            return "Nothing is missing."
        return format_html(
            "<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((lack.detail,) for lack in lacks))
        )

    def findings(self, article: Article) -> SafeString | str:
        """What the copy checker finds in the newest words."""
        if not article.pk:
            return "–"
        revision = wording.newest(article)
        open_keys = {item.key for item in (*gate.unsigned(revision), *gate.open_blocks(revision))}
        found = [_shown(item, item.key in open_keys) for item in wording.findings(revision.content)]
        context = {"found": found, "version": checker.rules_version()}
        return render_to_string("content/admin/findings.html", context)

    # --- buttons --------------------------------------------------------------------------------------------

    @action(description="Submit for review", permissions=["content.change_article"])
    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        return self._ask(
            request,
            article,
            "submit",
            lambda form: publishing.submit_for_review(article, by=request.user, at=now()),
        )

    @action(description="Sign off", permissions=["content.change_article"])
    def sign_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        reviewer = Reviewer.objects.filter(user__isnull=False, user=request.user.pk or 0).first()
        if reviewer is None:
            messages.error(request, "Only a reviewer signs off, and your account belongs to none.")
            return redirect(_page_of(article))

        def verb(form: Any) -> None:
            publishing.sign_off(
                wording.newest(article),
                reviewer=reviewer,
                note=form.cleaned_data["note"],
                by=request.user,
                at=now(),
            )

        return self._ask(request, article, "sign_off", verb, form=NoteForm(request.POST or None))

    @action(description="Approve", permissions=["content.publish_article"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        return self._ask(
            request, article, "approve", lambda form: publishing.approve(article, by=request.user, at=now())
        )

    @action(description="Publish", permissions=["content.publish_article"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        return self._ask(
            request, article, "publish", lambda form: publishing.publish(article, by=request.user, at=now())
        )

    @action(description="Schedule", permissions=["content.publish_article"])
    def schedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(form: Any) -> None:
            moment = form.cleaned_data["publish_at"]
            publishing.schedule(article, publish_at=moment, by=request.user, at=now())

        return self._ask(request, article, "schedule", verb, form=ScheduleForm(request.POST or None))

    @action(description="Send back", permissions=["content.change_article"])
    def send_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(form: Any) -> None:
            publishing.send_back(article, note=form.cleaned_data["note"], by=request.user, at=now())

        return self._ask(request, article, "send_back", verb, form=NoteForm(request.POST or None))

    @action(description="Archive", permissions=["content.publish_article"])
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        return self._ask(
            request, article, "archive", lambda form: publishing.archive(article, by=request.user, at=now())
        )

    @action(description="Reopen", permissions=["content.change_article"])
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        return self._ask(
            request, article, "reopen", lambda form: publishing.reopen(article, by=request.user, at=now())
        )

    @action(description="Override a rule", permissions=["content.override_claims"])
    def override(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        revision = wording.newest(article)

        def verb(form: Any) -> None:
            rule, sentence = form.key()
            reason = form.cleaned_data["reason"]
            publishing.override_claim(
                revision, rule=rule, sentence=sentence, reason=reason, by=request.user, at=now()
            )

        form = OverrideForm(request.POST or None, found=gate.open_blocks(revision))
        return self._ask(request, article, "override", verb, form=form)

    @action(description="Restore words", permissions=["content.change_article"])
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(form: Any) -> None:
            chosen = form.cleaned_data["revision"]
            publishing.restore(article, revision=chosen, by=request.user, at=now())

        return self._ask(
            request, article, "restore", verb, form=RestoreForm(request.POST or None, article=article)
        )

    def _ask(
        self,
        request: HttpRequest,
        article: Article,
        name: str,
        verb: Callable[[Any], None],
        *,
        form: forms.Form | None = None,
    ) -> HttpResponse:
        """Ask first (GET), then run the verb (POST) and show the article again."""
        back = _page_of(article)
        if request.method == "POST" and (form is None or form.is_valid()):
            run_verb(request, lambda: verb(form), f"Done: {name.replace('_', ' ')}.")
            return redirect(back)
        context = {
            **site.each_context(request),
            "title": name.replace("_", " ").capitalize(),
            "subtitle": article.title,
            "explanation": self.questions[name],
            "button": name.replace("_", " ").capitalize(),
            "form": form,
            "opts": self.opts,
            "back": back,
        }
        return TemplateResponse(request, "content/admin/ask.html", context)


def _article(object_id: str) -> Article:
    return get_object_or_404(Article, pk=object_id if object_id.isdigit() else 0)


def _page_of(article: Article) -> str:
    return reverse("admin:content_article_change", args=[article.pk])


def _shown(item: wording.FieldFinding, is_open: bool) -> dict[str, Any]:
    finding = item.finding
    return {
        "field": item.field.replace("_", " "),
        "finding": finding,
        "state": "open" if is_open else "settled",
        "before": finding.sentence[: finding.start],
        "after": finding.sentence[finding.start + len(finding.match) :],
    }
