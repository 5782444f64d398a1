"""What a mail server's answer means: try again, give this mail up, or write to that address no more."""

import re
from dataclasses import dataclass
from smtplib import SMTPDataError, SMTPRecipientsRefused

# "550 5.1.1 user unknown" and its kin. Without an enhanced code, these basic ones mean the mailbox.
# Source: RFC 3463 (X.1.x addressing, X.2.1 mailbox disabled), RFC 5321 section 4.2.3.
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_NO_SUCH_MAILBOX = {550, 551, 553}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A permanent refusal, in the server's words, and whether the address itself is at fault."""

    words: str
    is_dead_address: bool


def permanent(error: Exception) -> Refusal | None:
    """Return the permanent refusal that an error is, or None for one that may pass.

    A refused sender or login is our own set-up and no fault of the mail: those are tried again.
    """
    if isinstance(error, SMTPRecipientsRefused):
        [(code, words), *_] = error.recipients.values()
        return _of_answer(code, words, is_recipient=True)
    if isinstance(error, SMTPDataError):
        return _of_answer(error.smtp_code, error.smtp_error, is_recipient=False)
    if isinstance(error, ValueError):
        # Django refuses to build it (a header that cannot be): no server would ever see another mail.
        return Refusal(f"{type(error).__name__}: {error}", is_dead_address=False)
    return None


def _of_answer(code: int, words: bytes | str, *, is_recipient: bool) -> Refusal | None:
    if not 500 <= code < 600:
        return None
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    enhanced = _ENHANCED.search(said)
    if enhanced is None:
        is_dead = code in _NO_SUCH_MAILBOX
    else:
        is_dead = enhanced.group(2) == "1" or enhanced.group(2, 3) == ("2", "1")
    return Refusal(f"{code} {said}", is_dead_address=is_recipient and is_dead)
