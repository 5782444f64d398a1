"""In which language a mail speaks: that of its reader, as far as the shop has words in it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.utils import translation

Builder = TypeVar("Builder", bound=Callable[..., Any])


def of(locale: str) -> str:
    """Return the language of LANGUAGES that is nearest to a locale, or the shop's own."""
    try:
        return translation.get_supported_language_variant(locale)
    except LookupError:
        return settings.LANGUAGE_CODE


def spoken_by(locale_of: Callable[[Any], str]) -> Callable[[Builder], Builder]:
    """Let a builder find its words in its reader's language: `locale_of` reads it from the first argument."""

    def decorate(builder: Builder) -> Builder:
        @wraps(builder)
        def speaking(subject: Any, *args: Any, **kwargs: Any) -> Any:
            with translation.override(of(locale_of(subject))):
                return builder(subject, *args, **kwargs)

        return cast(Builder, speaking)

    return decorate
