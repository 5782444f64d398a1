"""Verbs on pictures: draw the files of those that wait, and throw away what nobody points to any more."""

import logging
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from shop.images.inspection import UnsafePicture
from shop.images.models import Picture
from shop.images.rendering import Rendered, render

logger = logging.getLogger(__name__)

FEW = 20


def prepare_waiting(kind: type[Picture], *, limit: int = FEW) -> int:
    """Draw the files of pictures that wait and return how many are ready. Safe to run twice at once."""
    waiting = kind._default_manager.filter(state=Picture.State.WAITING).order_by("pk")[:limit]
    return sum(prepare(picture) for picture in waiting)


def prepare(picture: Picture) -> bool:
    """Draw the files of one picture; return whether it is ready now by our doing.

    The files come first and the row after them: what was drawn for a row that another worker finished, or
    that is gone, is thrown away.
    """
    try:
        with picture.original.open("rb") as file:
            rendered = render(file.read())
    except (UnsafePicture, OSError) as error:
        logger.warning("%s %s cannot be drawn: %s", picture._meta.label, picture.pk, error)
        _finish(picture, state=Picture.State.FAILED, problem=str(error)[:200])
        return False
    files = _saved(rendered)
    done = _finish(picture, state=Picture.State.READY, renditions=files, problem="")
    if not done:
        _delete_files(file["name"] for file in files)
    return done


def remove(picture: Picture) -> None:
    """Delete a picture, and its files once that is committed."""
    names, original = [file["name"] for file in picture.renditions], picture.original.name
    storage = picture.original.storage
    picture.delete()
    transaction.on_commit(partial(_delete_files, names), robust=True)
    if original:
        transaction.on_commit(partial(storage.delete, original), robust=True)


def _finish(picture: Picture, **changes: object) -> bool:
    rows = type(picture)._default_manager.filter(pk=picture.pk, state=Picture.State.WAITING)
    return rows.update(**changes) == 1


def _saved(rendered: Iterable[Rendered]) -> list[dict[str, Any]]:
    stem = uuid.uuid4().hex
    return [
        {
            "name": default_storage.save(
                f"{stem[:2]}/{stem}-{file.width}.{file.format}", ContentFile(file.content)
            ),
            "format": file.format,
            "width": file.width,
            "height": file.height,
        }
        for file in rendered
    ]


def _delete_files(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
