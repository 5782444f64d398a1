"""Refusals in the shape Stripe gives them. Source: https://docs.stripe.com/api/errors"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 200.

    `executed` is False for requests refused before they began (their answer is not kept under the idempotency
    key); `commits` is True where the refusal leaves facts behind, as a decline does.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        commits: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.commits = commits
        self.error: dict[str, Any] = {"type": type, "message": message}
        if code:
            self.error["code"] = code
            self.error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
        if param:
            self.error["param"] = param
        self.error.update({name: value for name, value in more.items() if value is not None})

    @property
    def body(self) -> dict[str, Any]:
        """The JSON answer."""
        return {"error": self.error}


def bad_parameter(param: str, message: str, code: str | None = None) -> ApiError:
    """Return the 400 for a parameter that fails validation, before anything was done."""
    return ApiError(400, message, code=code, param=param, executed=False)


def refused(message: str, code: str | None = None, param: str | None = None, **more: Any) -> ApiError:
    """Return the 400 for a request that is well formed but not possible now."""
    return ApiError(400, message, code=code, param=param, **more)


def no_such(noun: str, id: str, param: str = "id", *, status: int = 404) -> ApiError:
    """Return `resource_missing`: 404 for an object in the path, 400 for one named by a parameter."""
    return ApiError(status, f"No such {noun}: '{id}'", code="resource_missing", param=param, executed=False)


def unauthorized(message: str, code: str | None = None) -> ApiError:
    """Return the 401 for a missing, foreign or unsuitable API key."""
    return ApiError(401, message, code=code, executed=False)


def unknown_url(method: str, path: str) -> ApiError:
    """Return Stripe's 404 for an address it does not serve."""
    text = f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs."
    return ApiError(404, text, executed=False)


def card_error(code: str, message: str, *, decline_code: str | None = None, **more: Any) -> ApiError:
    """Return the 402 of a declined card. It commits: the failed charge and the event stay on record."""
    return ApiError(
        402, message, type="card_error", code=code, decline_code=decline_code, commits=True, **more
    )
