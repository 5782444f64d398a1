"""What editors type: an article's words, and what the buttons ask for."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from catalog import cautions
from content import words as wording
from content.models import MAX_BODY, Article, Citation, FormerSlug, Revision, validate_takeaways


class ArticleForm(forms.ModelForm):
    """The newest words of an article, which on a published one may be ahead of what readers see."""

    takeaways = forms.CharField(
        label="Key takeaways",
        required=False,
        help_text="Three to six, one a line.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )
    cautions = forms.MultipleChoiceField(
        choices=[(code, f"{code}: {text[:70]}…") for code, text in cautions.TEXTS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    sources = forms.ModelMultipleChoiceField(
        queryset=Citation.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Cite one in the text by its key in square brackets, as in [grober2017].",
    )

    class Meta:
        model = Article
        fields = (
            *("type", "title", "slug", "summary", "body", "is_health_topic", "author", "author_user"),
            *("topics", "related_articles", "review_interval_months"),
        )
        widgets = {"summary": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        article = kwargs.get("instance")
        if article is not None and article.pk:
            kwargs["initial"] = {**_newest_words(article), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if FormerSlug.objects.filter(slug=slug).exclude(article=self.instance.pk).exists():
            raise forms.ValidationError("Another article once had that address.")
        return slug

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body) > MAX_BODY:
            raise forms.ValidationError(f"The article is too long: at most {MAX_BODY:,} characters.")
        return body

    def clean_takeaways(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["takeaways"].splitlines() if line.strip()]
        if lines:
            validate_takeaways(lines)
        return lines

    def words(self) -> wording.Words:
        """Return the words that were typed, in the form the verbs take."""
        data = self.cleaned_data
        plain = {name: data[name] for name in (*wording.TEXT_FIELDS, "is_health_topic")}
        return {
            **plain,
            "key_takeaways": data["takeaways"],
            "caution_codes": data["cautions"],
            "citations": [citation.key for citation in data["sources"]],
        }


class NoteForm(forms.Form):
    """A note that stays with the step."""

    note = forms.CharField(
        max_length=300, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class OfARevision(forms.Form):
    """A form about the words that its page showed; who sends it after an edit is refused by the verb."""

    number = forms.IntegerField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, revision: Revision, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["number"].initial = revision.number


class SignOffForm(OfARevision):
    """Each review finding, to be accepted one by one, and a note."""

    note = forms.CharField(
        max_length=300, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, revision: Revision, **kwargs: Any) -> None:
        super().__init__(*args, revision=revision, **kwargs)
        self._keys = {
            f"finding_{place}": key for place, key in enumerate(wording.review_keys(revision.content))
        }
        for name, (rule, sentence) in self._keys.items():
            self.fields[name] = forms.BooleanField(
                label=f"{rule}: “{sentence}”",
                required=False,
                widget=UnfoldBooleanWidget(),
            )
        self.order_fields([*self._keys, "note", "number"])

    def accepted(self) -> list[tuple[str, str]]:
        """Return rule and sentence of what was ticked."""
        return [key for name, key in self._keys.items() if self.cleaned_data[name]]


class ScheduleForm(forms.Form):
    """When an article goes live, by the shop's clock on the wall."""

    publish_at = forms.SplitDateTimeField(
        label=f"Goes live at ({settings.SHOP_TIME_ZONE} time)", widget=UnfoldAdminSplitDateTimeWidget()
    )


class RestoreForm(forms.Form):
    """Which words to bring back."""

    revision = forms.ModelChoiceField(queryset=Revision.objects.none(), widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, article: Article, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = wording.newest(article).pk
        field = self.fields["revision"]
        field.queryset = article.revisions.exclude(pk=newest)  # type: ignore[attr-defined]


class OverrideForm(OfARevision):
    """Which blocked sentence to let pass, and why."""

    finding = forms.TypedChoiceField(widget=UnfoldAdminSelectWidget(), coerce=int)
    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))

    def __init__(
        self, *args: Any, revision: Revision, found: list[wording.FieldFinding], **kwargs: Any
    ) -> None:
        super().__init__(*args, revision=revision, **kwargs)
        self.found = found
        choices = [
            (number, f"{rule}: {sentence[:90]}") for number, (rule, sentence) in enumerate(self._keys())
        ]
        self.fields["finding"].choices = choices  # type: ignore[attr-defined]

    def key(self) -> tuple[str, str]:
        """Return the rule and the sentence that were chosen."""
        return self._keys()[self.cleaned_data["finding"]]

    def _keys(self) -> list[tuple[str, str]]:
        return [item.key for item in self.found]


def _newest_words(article: Article) -> dict[str, Any]:
    words = wording.newest(article).content
    return {
        **{name: words[name] for name in (*wording.TEXT_FIELDS, "is_health_topic")},
        "takeaways": "\n".join(words["key_takeaways"]),
        "cautions": words["caution_codes"],
        "sources": list(Citation.objects.filter(key__in=words["citations"]).values_list("pk", flat=True)),
    }
