"""Characters that nobody sees: controls that start a line, marks that turn the order of letters around."""

import re

# Format characters that names and emoji need inside of a word: ZWNJ and ZWJ.
_JOINERS = "\u200c\u200d"
# C0 and C1 controls, line and paragraph separators, lone surrogates: there a new line could begin.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# What changes or hides the letters around it: marks of direction, zero-width and tag characters.
# Source: Unicode 15, category Cf; https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)


def one_line(text: str) -> str:
    """Return a text as one line that shows everything it says.

    What could begin a line becomes a space; what hides or reorders letters goes; spaces are single.
    """
    return " ".join(_HIDDEN.sub("", _BREAKS.sub(" ", text)).split())


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing at all, though it may have characters."""
    return not one_line(text).strip(_JOINERS + " ")


def shows_nothing(text: str) -> bool:
    """Return whether somebody sent characters of which none can be seen; an empty text is just empty."""
    return bool(text.strip()) and is_blank(text)
