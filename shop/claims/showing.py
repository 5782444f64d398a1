"""Findings as the admin shows them, beside the words: `shop/admin/findings.html`."""

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from shop.claims import checker
from shop.claims.checker import Finding

# In the order of their weight: what stops a text comes first.
SEVERITIES = ("block", "review", "warn", "info")
COLOURS = {"block": "danger", "review": "warning", "warn": "info", "info": "info"}


def row(field: str, finding: Finding, *, anchor: str = "", state: str = "", is_open: bool = False) -> Any:
    """Return what the list shows of a finding; `anchor` is the form field's name where that is another."""
    return {
        "field": field.replace("_", " "),
        "anchor": anchor or field,
        "finding": finding,
        "colour": COLOURS[finding.severity],
        "state": state,
        "is_open": is_open,
        "before": finding.sentence[: finding.start],
        "after": finding.sentence[finding.start + len(finding.match) :],
    }


def listed(rows: Iterable[Any], *, of: str) -> SafeString:
    """Return rows as a list, gravest first; `of` says which words were read."""
    found = sorted(rows, key=lambda item: SEVERITIES.index(item["finding"].severity))
    context = {"found": found, "of": of, "version": checker.rules_version()}
    return render_to_string("shop/admin/findings.html", context)
