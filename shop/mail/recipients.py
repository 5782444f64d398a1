"""Which rows are of one e-mail address: the one way in which addresses are compared."""

from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.db.models.lookups import EndsWith, Exact, StartsWith


def written_as(email: str, *, field: str = "email") -> Q:
    """Return the condition for rows of an address in whatever case, and of no other that looks like it.

    `iexact` compares capitals, and the capital of "ı" is "I": by itself it would hand what belongs to
    ada@gmail.com to whoever has proved to be ada@gmaıl.com. It stays beside, for its index.
    Source: https://www.unicode.org/reports/tr36/#Case_Folding
    """
    return Q(**{f"{field}__iexact": email}) & Q(Exact(Lower(field), Value(email.lower())))


def tagged(local: str, domain: str, *, field: str = "email") -> Q:
    """Return the condition for rows of an address with a tag: local+anything@domain, in whatever case."""
    start, end = f"{local}+", f"@{domain}"
    return Q(
        StartsWith(Lower(field), Value(start.lower())),
        EndsWith(Lower(field), Value(end.lower())),
        **{f"{field}__istartswith": start},
    )
