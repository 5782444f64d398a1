"""What an article's body may consist of. Everything else is taken out, as it is edited and as it is saved."""

import nh3

# What the editor offers. Headings start at the second level: the title is the first.
EDITOR_EXTENSIONS = {
    "Bold": True,
    "Italic": True,
    "Subscript": True,
    "Superscript": True,
    "BulletList": True,
    "OrderedList": True,
    "ListItem": True,
    "Blockquote": True,
    "HardBreak": True,
    "HorizontalRule": True,
    "Heading": {"levels": [2, 3]},
    "Link": {"enableTarget": False, "protocols": ["https", "http", "mailto"]},
    "Table": True,
    "TableRow": True,
    "TableHeader": True,
    "TableCell": True,
}

_ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_TAGS = {
    *_ATTRIBUTES,
    *("p", "h2", "h3", "strong", "em", "sub", "sup", "ul", "li", "blockquote", "br", "hr", "code"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr"),
}
# No pictures: those of an article are uploads of ours, each with an alt text that was checked.
# Dropped with what they hold; of other unknown tags the text stays.
_DROPPED_WHOLE = {
    *("script", "style", "template", "noscript", "iframe", "object", "svg", "math", "textarea", "title"),
}


def _attribute(tag: str, name: str, value: str) -> str | None:
    # Angle brackets inside an attribute would make a tag's end ambiguous to whoever reads the result.
    return value.replace("<", "").replace(">", "")


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_DROPPED_WHOLE,
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"https", "http", "mailto"},
    link_rel="noopener noreferrer",
)


def sanitise(source: str) -> str:
    """Return HTML with only the tags, attributes and link schemes of an article; "" if it is empty."""
    cleaned = _cleaner.clean(source).strip()
    return "" if cleaned == "<p></p>" else cleaned
