"""What must not stand in a log is taken out of every line: keys in addresses, and people's e-mail addresses.

A signed link or a cart's id opens what it names to whoever reads it, and Django writes the address of each
request that it refuses. A database's complaint shows the row that it is about.
"""

import logging
import re

# Path segments that are keys: /o/…, /pay/…, carts/…, /account/confirm/… and the like.
_KEYS = re.compile(
    r"(/(?:o|r|w|p|pay|carts|confirm|reset|stock-request|back-in-stock|preview|received)/)[^/\s?\"'<]{12,}"
)
_PROOFS = re.compile(
    r"(OrderToken\s+|X-Session-Token[:=]\s*|sessionid=|client_secret=)[^\s;,\"']+", re.IGNORECASE
)
_SECRETS = re.compile(r"\b((?:pi|seti)_\w+_secret_|sk_(?:test|live)_|whsec_)\w+")
_EMAILS = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
# What PostgreSQL adds to a broken constraint: the values of the row.
_ROWS = re.compile(r"^(DETAIL:\s+).*$", re.MULTILINE)


def redact(line: str) -> str:
    """Return a line without keys and addresses."""
    line = without_keys(line)
    line = _PROOFS.sub(r"\1[key]", line)
    line = _SECRETS.sub(r"\1[key]", line)
    line = _ROWS.sub(r"\1[row]", line)
    return _EMAILS.sub("[e-mail]", line)


def without_keys(text: str) -> str:
    """Return a text, HTML too, whose addresses no longer open what they name."""
    return _KEYS.sub(r"\1[key]", text)


class RedactingFormatter(logging.Formatter):
    """Formats as usual, tracebacks included, and redacts the result."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
