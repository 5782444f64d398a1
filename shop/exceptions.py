"""The errors that verbs raise. `shop.api.errors` alone knows which HTTP status each family becomes."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ShopError(Exception):
    """A refusal that a person or a program can act on.

    `code` is stable and machine-readable; `detail` says what happened and what to do; `fields` names the
    inputs at fault; `extra` is merged into the problem document.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str = "",
        *,
        fields: Mapping[str, list[str]] | None = None,
        code: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = dict(fields or {})
        self.extra = extra
        self.problem_code = code or self.code


class InvalidInput(ShopError):
    """The request can never succeed as sent."""

    code = "invalid"
    title = "The request is not valid"


class NotFound(ShopError):
    code = "not_found"
    title = "Not found"


class Forbidden(ShopError):
    code = "forbidden"
    title = "Not allowed"


class Conflict(ShopError):
    """The request was right, but the state of things does not allow it now."""

    code = "conflict"
    title = "That is not possible now"


class Stale(ShopError):
    """The caller has seen an earlier state than the one that is there now."""

    code = "stale"
    title = "It has changed since you looked"


class Unprocessable(ShopError):
    """Well-formed, but refused by a rule (a reused idempotency key, a declined card)."""

    code = "unprocessable"
    title = "That was refused"


class TooManyRequests(ShopError):
    """`extra["retry_after"]` holds whole seconds."""

    code = "rate_limited"
    title = "Too many requests"


class Unavailable(ShopError):
    """An outside service does not answer. `extra["retry_after"]` holds whole seconds."""

    code = "unavailable"
    title = "Temporarily unavailable"
