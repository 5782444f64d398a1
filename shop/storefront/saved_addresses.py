"""The addresses that an account keeps, offered where a page asks for one. To nobody but who is signed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import Http404

from orders import addresses as written
from shop.accounts import addresses as book
from shop.accounts.models import Address, User


@dataclass(frozen=True, slots=True)
class Saved:
    """`is_used`: it is the one that goes for now."""

    id: int
    lines: list[str]
    is_used: bool
    fields: dict[str, str]


def offers(
    user: User | None, countries: Sequence[tuple[str, str]], *, used: Mapping[str, str] | None = None
) -> list[Saved]:
    """Return what a user keeps in the countries that the page ships to, what is used first on top."""
    if user is None:
        return []
    rows = Address.objects.filter(user=user, country__in=[code for code, _ in countries])
    return [_saved(written.normalise(book.as_dict(row)), row.pk, used or {}) for row in rows]


def choose(given: str, among: Sequence[Saved]) -> dict[str, str]:
    """Return the fields of the one that was chosen by its key.

    :raises Http404: if it is not among what was offered: somebody else's, too.
    """
    for one in among:
        if str(one.id) == given:
            return one.fields
    raise Http404("There is no such address.")


def _saved(fields: dict[str, str], key: int, used: Mapping[str, str]) -> Saved:
    is_used = all(fields[name] == used.get(name, "") for name in book.FIELDS) if used else False
    return Saved(key, written.lines(fields), is_used, fields)
