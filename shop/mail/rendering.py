"""Words of mails: drawn from a template and its context, at once or when a mail is delivered."""

import re
from collections.abc import Mapping
from typing import TypedDict

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from shop.characters import one_line
from shop.mail import languages
from shop.mail.models import OutboxMessage

# What the text parts never have: spaces at the end of a line, and two empty lines in a row.
_LINE_ENDS = re.compile(r"[ \t]+$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{3,}")


class Words(TypedDict):
    """The two bodies of a mail."""

    text: str
    html: str


def draw(*, template: str, subject: str, context: Mapping[str, object], locale: str) -> Words:
    """Return the text and HTML bodies of a mail in the language of a locale."""
    language = languages.of(locale)
    known = {
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "subject": one_line(subject),
        "language": language,
        **context,
    }
    with translation.override(language):
        text = render_to_string(f"{template}.txt", known)
        html = render_to_string(f"{template}.html", known)
    return {"text": _tidied(text), "html": html.strip() + "\n"}


def words_of(message: OutboxMessage) -> Words:
    """Return what a mail says. One that was written without its words is drawn, and nothing is stored."""
    if not message.template:
        return {"text": message.text, "html": message.html}
    return draw(
        template=message.template, subject=message.subject, context=message.context, locale=message.locale
    )


def settle(message: OutboxMessage) -> None:
    """Draw a mail that was written without its words and keep them, so that every try sends the same ones."""
    if not message.template:
        return
    words = words_of(message)
    message.text, message.html = words["text"], words["html"]
    message.template, message.context = "", {}
    message.save(update_fields=["text", "html", "template", "context"])


def _tidied(text: str) -> str:
    return _EMPTY_LINES.sub("\n\n", _LINE_ENDS.sub("", text)).strip() + "\n"
