"""Articles in the admin: the words with the checker's findings beside them, and buttons that call verbs."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action

from content import gate, publishing, tasks
from content import words as wording
from content.admin import desk, revisions
from content.admin.forms import (
    ArticleForm,
    NoteForm,
    OverrideForm,
    RestoreForm,
    ScheduleForm,
    SignOffForm,
)
from content.models import Article, ArticleImage, ArticleProduct, Reviewer, Revision, Step
from content.publishing import SignOffRefused
from shop.admin import (
    InlineReadOnly,
    Question,
    ShopAdmin,
    act,
    badges,
    date_column,
    key_of,
    register,
    time_column,
)
from shop.clock.reading import now
from shop.images.admin import PictureFormSet, PictureInline

Status = Article.Status

# Which buttons an article shows, by its state. What is missing for one is said when it is pressed.
BUTTONS: Mapping[str, frozenset[str]] = {
    Status.DRAFT: frozenset({"submit", "sign_off", "archive", "override", "restore", "compare"}),
    Status.IN_REVIEW: frozenset({"sign_off", "approve", "send_back", "override", "restore", "compare"}),
    Status.APPROVED: frozenset({"publish", "schedule", "send_back", "restore", "compare"}),
    Status.SCHEDULED: frozenset({"publish", "send_back", "restore", "compare"}),
    Status.PUBLISHED: frozenset({"sign_off", "publish", "archive", "override", "restore", "compare"}),
    Status.ARCHIVED: frozenset({"reopen", "compare"}),
}
COLOURS: Mapping[str, str] = {
    Status.DRAFT: "info",
    Status.IN_REVIEW: "warning",
    Status.APPROVED: "warning",
    Status.SCHEDULED: "warning",
    Status.PUBLISHED: "success",
    Status.ARCHIVED: "danger",
}


class ArticlePictures(PictureFormSet):
    task = tasks.prepare_pictures


class ArticleImageInline(PictureInline):
    model = ArticleImage
    formset = ArticlePictures


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
    list_display = ("title", "type", "state", "reviewer", "published", "last_reviewed", "review_due")
    list_filter = ("status", "type", "is_health_topic", "topics")
    list_select_related = ("reviewer",)
    search_fields = ("title", "slug")
    # Only while it is empty: an address that readers know changes by hand alone.
    prepopulated_fields: ClassVar[dict[str, Sequence[str]]] = {"slug": ("title",)}
    autocomplete_fields = ("topics", "related_articles", "author_user")
    inlines = (ArticleImageInline, ProductInline, RevisionInline, StepInline)
    readonly_fields = ("progress", "findings")
    fieldsets = (
        (None, {"fields": ("progress",)}),
        ("Words", {"fields": ("title", "slug", "summary", "body", "takeaways")}),
        ("What the copy checker found in the saved words", {"fields": ("findings",)}),
        ("Health", {"fields": ("is_health_topic", "sources", "cautions")}),
        ("About it", {"fields": ("type", "author", "author_user", "topics", "related_articles")}),
        ("Review", {"fields": ("review_interval_months",)}),
    )
    actions_detail = (
        *("submit", "sign_off", "approve", "publish", "schedule", "send_back", "compare"),
        *("restore", "override", "archive", "reopen"),
    )
    published = time_column("published_at", "published")
    last_reviewed = date_column("last_reviewed_on", "last reviewed")
    review_due = date_column("review_due_on", "review due")

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
        status = (
            Article.objects.values_list("status", flat=True).filter(pk=key_of(str(object_id))).first() or ""
        )
        shown = {f"content_article_{name}" for name in BUTTONS.get(status, ())}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in shown]

    # --- what stands beside the text ------------------------------------------------------------------------

    def state(self, article: Article) -> SafeString:
        """Where it is in its life."""
        return badges((article.get_status_display(), COLOURS[article.status]))

    def progress(self, article: Article) -> SafeString | str:
        """Where it is, what comes next and what publishing still needs."""
        return desk.panel(article) if article.pk else "Save it first: then its next step is shown here."

    def findings(self, article: Article) -> SafeString | str:
        """What the copy checker finds in the newest words."""
        return desk.findings(article) if article.pk else "Save it first: the rules read what is saved."

    # --- buttons --------------------------------------------------------------------------------------------

    @action(description="Submit for review", permissions=["content.change_article"])
    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        question = Question("Submit for review", "Hand this article to review?", "Submit for review")

        def verb(data: dict[str, Any]) -> str:
            publishing.submit_for_review(article, by=request.user, at=now())
            return "It is in review."

        return act(self, request, article, question, verb)

    @action(description="Sign off", permissions=["content.change_article"])
    def sign_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        revision = wording.newest(article)
        form = SignOffForm(request.POST or None, revision=revision)
        question = Question(
            "Sign off",
            "You have read these words and stand by them? Tick each sentence that may stand as it is. "
            "Your name is kept with these words, and an edit voids it.",
            "Sign off these words",
        )

        def verb(data: dict[str, Any]) -> str:
            publishing.sign_off(
                _as_asked(article, data),
                reviewer=_reviewer(request),
                accepted=form.accepted(),
                note=data["note"],
                by=request.user,
                at=now(),
            )
            return "Signed off, for exactly these words."

        return act(self, request, article, question, verb, form=form)

    @action(description="Approve", permissions=["content.publish_article"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.approve(article, by=request.user, at=now())
            return "Approved: it can be published or scheduled."

        question = Question("Approve", "Approve it for publishing?", "Approve")
        return act(self, request, article, question, verb)

    @action(description="Publish", permissions=["content.publish_article"])
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.publish(article, by=request.user, at=now())
            return "Readers see these words now."

        question = Question("Publish", "Show the newest words to readers from now on?", "Publish")
        return act(self, request, article, question, verb)

    @action(description="Schedule", permissions=["content.publish_article"])
    def schedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.schedule(article, publish_at=data["publish_at"], by=request.user, at=now())
            return "It goes live by itself at that time."

        question = Question("Schedule", "When is it to go live?", "Schedule")
        return act(self, request, article, question, verb, form=ScheduleForm(request.POST or None))

    @action(description="Send back", permissions=["content.change_article"])
    def send_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.send_back(article, note=data["note"], by=request.user, at=now())
            return "It is a draft again."

        question = Question("Send back", "Give it back to its author?", "Send back")
        return act(self, request, article, question, verb, form=NoteForm(request.POST or None))

    @action(description="Archive", permissions=["content.publish_article"])
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.archive(article, by=request.user, at=now())
            return "Readers do not see it any more."

        question = Question("Archive", "Take it away from readers?", "Archive", is_dangerous=True)
        return act(self, request, article, question, verb)

    @action(description="Reopen", permissions=["content.change_article"])
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)

        def verb(data: dict[str, Any]) -> str:
            publishing.reopen(article, by=request.user, at=now())
            return "It is a draft again."

        return act(self, request, article, Question("Reopen", "Make it a draft again?", "Reopen"), verb)

    @action(description="Override a rule", permissions=["content.override_claims"])
    def override(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        revision = wording.newest(article)
        form = OverrideForm(request.POST or None, revision=revision, found=gate.open_blocks(revision))
        question = Question(
            "Override a rule",
            "Which blocked sentence may pass, for these words only, and why? Kept for good, with your name.",
            "Let it pass",
            is_dangerous=True,
        )

        def verb(data: dict[str, Any]) -> str:
            rule, sentence = form.key()
            publishing.override_claim(
                _as_asked(article, data),
                rule=rule,
                sentence=sentence,
                reason=data["reason"],
                by=request.user,
                at=now(),
            )
            return "That sentence may pass, for these words only."

        return act(self, request, article, question, verb, form=form)

    @action(description="Restore words", permissions=["content.change_article"])
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        article = _article(object_id)
        form = RestoreForm(request.POST or None, article=article, initial=request.GET.dict())

        def verb(data: dict[str, Any]) -> str:
            publishing.restore(article, revision=data["revision"], by=request.user, at=now())
            return "These words are the newest revision now."

        question = Question(
            "Restore words", "Which words shall come back, as the newest revision?", "Restore"
        )
        return act(self, request, article, question, verb, form=form)

    @action(description="Compare revisions", permissions=["content.view_article"])
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return revisions.compare_page(request, _article(object_id), self.opts)


def _article(object_id: str) -> Article:
    return get_object_or_404(Article, pk=key_of(object_id))


def _as_asked(article: Article, data: Mapping[str, Any]) -> Revision:
    """Return the revision that the page showed: what came after it was not read."""
    return get_object_or_404(article.revisions, number=data["number"])


def _reviewer(request: HttpRequest) -> Reviewer:
    reviewer = Reviewer.objects.filter(user__isnull=False, user=request.user.pk or 0).first()
    if reviewer is None:
        raise SignOffRefused("Only a reviewer signs off, and your account belongs to none.")
    return reviewer
