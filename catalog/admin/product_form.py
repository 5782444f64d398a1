"""The form of a product: its label as people read it."""

from typing import Any

from django import forms
from django.db import models
from django.utils.text import Truncator
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from catalog import wording
from catalog.admin.dose_form import DoseFields
from catalog.cautions import TEXTS
from catalog.models import BundleComponent, Product
from catalog.models.facts import METHODS
from catalog.usage import Method

HINTS = {
    "fragrance_allergens": "By their INCI names, separated by commas.",
}


def _steps(method: str) -> forms.Field:
    return forms.CharField(
        label=f"Directions: {Method(method).label.lower()}",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="One step a line.",
    )


class ProductForm(DoseFields):
    """Doses in rows of numbers, directions as lines of text, cautions as boxes to tick; the record keeps
    lists and codes.
    """

    directions_foot = _steps("foot")
    directions_bath = _steps("bath")
    directions_skin = _steps("skin")
    caution_codes = forms.MultipleChoiceField(
        required=False,
        choices=[(code, f"{code}: {Truncator(text).chars(90)}") for code, text in TEXTS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, hint in HINTS.items():
            if name in self.fields:
                self.fields[name].help_text = hint
        for method in METHODS:
            steps = (self.instance.directions or {}).get(method, ())
            self.initial.setdefault(f"directions_{method}", "\n".join(steps))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = {
            method: [
                line.strip() for line in data.get(f"directions_{method}", "").splitlines() if line.strip()
            ]
            for method in METHODS
        }
        self.instance.directions = {method: steps for method, steps in typed.items() if steps}
        if data.get("is_published"):
            self._refuse_claims(data)
        return data

    def _refuse_claims(self, data: dict[str, Any]) -> None:
        """Put beside each field what a rule blocks in it: a product has no review that could let it pass."""
        names = (*wording.FIELDS, *(f"directions_{method}" for method in METHODS))
        texts = {name: data[name] for name in names if data.get(name)}
        for name, found in wording.blocks(texts):
            self.add_error(name, f"{found.rule}, “{found.match}”: {found.reason} {found.suggestion}")

    def clean_kind(self) -> str:
        """A bundle stays a bundle: its components, or the sets that hold it, depend on it."""
        kind, before = self.cleaned_data["kind"], self.initial.get("kind", self.cleaned_data["kind"])
        of_this = BundleComponent.objects.filter(
            models.Q(bundle__product=self.instance) | models.Q(variant__product=self.instance)
        )
        if (kind == Product.Kind.BUNDLE) != (before == Product.Kind.BUNDLE) and of_this.exists():
            raise forms.ValidationError("Take it out of its sets, or its components out of it, first.")
        return kind
