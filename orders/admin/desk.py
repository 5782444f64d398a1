"""A page of the warehouse: words, tables with fields in them, and the buttons that act on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django import forms
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import BASE_INPUT_CLASSES, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from shop.admin import Table, site

# The theme hides a page until its script has started, and with it what `autofocus` would have found. What was
# refused is marked, so that the next scan takes its place.
FOCUS = {"x-init": "$nextTick(() => setTimeout(() => { $el.focus(); $el.select() }))"}


@dataclass(frozen=True, slots=True)
class Button:
    """A button of the page's form. The first is what Enter presses in a field."""

    label: str
    action: str = ""
    is_main: bool = False
    has_focus: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page."""

    label: str
    address: str


@dataclass(slots=True)
class Desk:
    """What a page shows. Without tables and form it says `empty`."""

    title: str
    intro: str
    tables: Sequence[Table] = ()
    buttons: Sequence[Button] = ()
    links: Sequence[Link] = ()
    form: forms.Form | None = None
    hidden: Mapping[str, str] = field(default_factory=dict)
    action: str = ""
    method: str = "post"
    empty: str = ""
    can_print: bool = False


def show(request: HttpRequest, record: type[models.Model], desk: Desk, *, status: int = 200) -> HttpResponse:
    """Return the page; `record` is whose list it hangs under."""
    context = {
        **site.each_context(request),
        "title": desk.title,
        "desk": desk,
        "opts": record._meta,
        "tables": [table for table in desk.tables if table.rows],
    }
    return TemplateResponse(request, "orders/admin/desk.html", context, status=status)


def tick(name: str, *, is_ticked: bool, label: str, value: str = "on") -> SafeString:
    """Return a checkbox for a row; `label` is read aloud."""
    attrs = {"aria-label": label, "value": value}
    return UnfoldBooleanWidget().render(name, is_ticked, attrs)


def text_input(name: str, value: str, *, label: str, placeholder: str = "") -> SafeString:
    """Return a text field for a row; `label` is read aloud."""
    attrs = {"aria-label": label, "placeholder": placeholder, "autocomplete": "off"}
    return UnfoldAdminTextInputWidget().render(name, value, attrs)


def number_input(name: str, value: int, *, most: int, label: str) -> SafeString:
    """Return a field for a number of units; `label` is read aloud."""
    classes = " ".join([*BASE_INPUT_CLASSES, "max-w-24"])
    attrs = {"aria-label": label, "min": 0, "max": most, "class": classes, "style": "max-width: 6rem"}
    return forms.NumberInput().render(name, value, attrs)


def with_complaint(field: SafeString, words: Sequence[str]) -> SafeString:
    """Return a field with what is wrong with it under it."""
    return format_html("{}{}", field, complaint(words) if words else "")


def complaint(words: Sequence[str]) -> SafeString:
    """Return what is wrong, to stand under its field."""
    return format_html('<span class="text-red-600" role="alert">{}</span>', " ".join(words))


def link(address: str, words: str) -> SafeString:
    """Return a link for a cell."""
    return format_html('<a class="underline whitespace-nowrap" href="{}">{}</a>', address, words)
