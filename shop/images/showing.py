"""From a picture's row to addresses, for pages and mails; `api` does the same for the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.db.models.functions import JSONObject

from shop.images.models import Picture

TYPES = {"webp": "image/webp", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as an img element takes it. `src` is the JPEG, which every program reads; sizes of `src`."""

    alt: str
    src: str
    srcset: str
    width: int
    height: int


def riding_along(pictures: "QuerySet[Any]") -> ArraySubquery:
    """Return pictures as an annotation on whatever they belong to, so that a list spends no query on them.

    `pictures` is filtered by an OuterRef; those that are not ready are left out.
    """
    ready = pictures.filter(state=Picture.State.READY).order_by("position", "pk")
    return ArraySubquery(ready.values(json=JSONObject(alt="alt", renditions="renditions")))


def shown(row: Mapping[str, Any]) -> Shown:
    """Return a picture of `riding_along` for a page of ours."""
    *webps, jpeg = row["renditions"]
    return Shown(
        alt=row["alt"],
        src=default_storage.url(jpeg["name"]),
        srcset=", ".join(f"{default_storage.url(file['name'])} {file['width']}w" for file in webps),
        width=jpeg["width"],
        height=jpeg["height"],
    )


def first_shown(rows: Sequence[Mapping[str, Any]]) -> Shown | None:
    """Return the first of the pictures that ride along, if there is one."""
    return shown(rows[0]) if rows else None


def absolute(name: str) -> str:
    """Return the full address of a file, for other people's pages and for mails."""
    return urljoin(f"{settings.BASE_URL}/", default_storage.url(name))
