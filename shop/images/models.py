"""The record behind every picture. Each app has a table of its own: a subclass, and what it belongs to."""

import uuid
from pathlib import PurePath

from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q


def originals() -> Storage:
    """Return where uploads are kept: nobody can load them from the web."""
    return storages["originals"]


def unguessable_name(picture: models.Model, filename: str) -> str:
    """Return the name that an upload is kept under: nothing of its sender's but the ending, once checked."""
    name = uuid.uuid4().hex
    return f"{name[:2]}/{name}{PurePath(filename).suffix.lower()}"


class Picture(models.Model):
    """An uploaded picture and the files drawn from it; waiting until a worker has drawn them.

    `renditions` is a list of {"name", "format", "width", "height"}: WebP from narrow to wide, then one JPEG.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "being prepared"
        READY = "ready"
        FAILED = "failed"

    original = models.FileField("file", storage=originals, upload_to=unguessable_name, max_length=120)
    alt = models.CharField(
        "what it shows", max_length=200, help_text="Read out to those who do not see it; no claims."
    )
    # New ones come last until somebody drags them.
    position = models.PositiveSmallIntegerField(default=1000)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, editable=False)
    renditions = models.JSONField(default=list, editable=False)
    problem = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="ready") | ~Q(renditions=[]),
                name="%(app_label)s_%(class)s_ready_has_files",
            ),
            models.CheckConstraint(condition=~Q(alt=""), name="%(app_label)s_%(class)s_has_alt"),
        ]

    def __str__(self) -> str:
        return self.alt
