"""Pictures in the admin: uploaded, put in order by dragging, thrown away."""

from functools import partial
from typing import Any, ClassVar

from celery import Task
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.forms.models import BaseInlineFormSet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from shop.admin import badges
from shop.images import alt_texts, pictures, showing
from shop.images.inspection import UnsafePicture, inspect
from shop.images.models import Picture
from shop.wake import wake

STATE_COLOURS = {"waiting": "info", "ready": "success", "failed": "danger"}


class KeptFile(forms.Widget):
    """Stands where a file was given before: nothing to choose, nothing to load."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html('<span class="text-sm">{}</span>', "kept as it came")


class PictureForm(forms.ModelForm):
    """A file is given once: another picture is another row."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["original"].disabled = True
            self.fields["original"].widget = KeptFile()
        else:
            self.fields["original"].widget.attrs["accept"] = ".jpg,.jpeg,.png,.webp"

    def clean_alt(self) -> str:
        """Refuse an alt text that a rule stops, with what to write instead."""
        alt: str = self.cleaned_data["alt"]
        found = alt_texts.refused(alt)
        if found:
            raise forms.ValidationError([f"{item.rule}: {item.reason} {item.suggestion}" for item in found])
        return alt

    def clean_original(self) -> Any:
        """Refuse, beside the field, what is not one whole picture."""
        upload = self.cleaned_data["original"]
        if not isinstance(upload, UploadedFile):
            return upload
        upload.seek(0)
        # One byte more than is allowed tells that it is too large, whatever its sender says.
        data = upload.read(settings.IMAGE_MAX_BYTES + 1)
        try:
            inspect(data, name=upload.name or "", content_type=upload.content_type or "")
        except UnsafePicture as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.code) from refusal
        upload.seek(0)
        return upload


class PictureFormSet(BaseInlineFormSet):
    """Saving wakes the worker that draws the files; deleting throws the files away."""

    task: ClassVar[Task]

    def is_multipart(self) -> bool:
        # Django looks at the first form only, and that of a kept file takes no other.
        return True

    def save_new(self, form: Any, commit: bool = True) -> Any:
        saved = super().save_new(form, commit=commit)
        transaction.on_commit(partial(wake, self.task), robust=True)
        return saved

    def delete_existing(self, obj: Any, commit: bool = True) -> None:
        if commit:
            pictures.remove(obj)


class PictureInline(TabularInline):
    """Pictures under whatever they belong to; subclasses name the model, and a formset with its task."""

    form = PictureForm
    formset = PictureFormSet
    extra = 0
    fields = ("shown", "original", "alt", "position", "progress")
    readonly_fields = ("shown", "progress")
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name_plural = "pictures: the first one stands in lists"

    @admin.display(description="picture")
    def shown(self, picture: Picture) -> str:
        if not picture.renditions:
            return "–"
        return format_html(
            '<img src="{}" alt="" width="120" style="border-radius: 6px">',
            showing.absolute(picture.renditions[0]["name"]),
        )

    @admin.display(description="state")
    def progress(self, picture: Picture) -> str:
        if not picture.pk:
            return "–"
        label = badges((picture.get_state_display(), STATE_COLOURS[picture.state]))
        return format_html("{} {}", label, picture.problem)
