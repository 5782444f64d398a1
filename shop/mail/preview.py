"""How every kind of mail looks, with sample data: nothing is read from customers and nothing is written."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shop.exceptions import NotFound
from shop.mail import outbox
from shop.mail.outbox import Letter

_offered: dict[str, Callable[[], Letter]] = {}


@dataclass(frozen=True, slots=True)
class Preview:
    """One kind of mail as its reader would get it."""

    kind: str
    subject: str
    text: str
    html: str


def offer(samples: Mapping[str, Callable[[], Letter]]) -> None:
    """Let the preview page show these kinds: {kind: a builder called with sample data}."""
    _offered.update(samples)


def kinds() -> list[str]:
    """Return every kind that can be shown, by name."""
    return sorted(_offered)


def of(kind: str) -> Preview:
    """Build the sample of a kind.

    :raises NotFound: for a kind without one.
    """
    if kind not in _offered:
        raise NotFound("There is no mail of that kind.")
    letter = _offered[kind]()
    return Preview(kind=kind, subject=letter.subject, **outbox.render(letter))


def samples() -> Iterator[Letter]:
    """Build the sample of every kind."""
    for kind in kinds():
        yield _offered[kind]()
