"""Who may guess how often: at passwords and codes, and at whose address mails are sent.

Counted by `shop.api.limits`, so never in a cache that may lose its counts. A wrong guess stays counted until
its window ends; a right one gives its count back, so that nobody locks a household out by being right.
"""

from collections.abc import Callable

from allauth.account.internal.stagekit import get_pending_stage
from django.http import HttpRequest

from shop.api import client_ip, client_network, limits
from shop.api.limits import Limit


def normalised(email: str) -> str:
    """Return an address as limits count it: case and outer spaces make no other account."""
    return email.strip().lower()[:254]


def at_login(request: HttpRequest, email: str) -> tuple[Limit, Limit]:
    """Return what one try at a password costs."""
    return (
        Limit("login_per_ip", _network(request)),
        Limit("login_per_account", normalised(email)),
    )


def _network(request: HttpRequest) -> str:
    return client_network(client_ip(request))


def _at_signup(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    return (Limit("signup_per_ip", _network(request)), *_to_address(email))


def _at_reset(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    return (Limit("account_mail_per_ip", _network(request)), *_to_address(email))


def _at_key(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    return (Limit("account_key_per_ip", _network(request)),)


def _at_own_password(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    return (Limit("password_per_account", f"user:{request.user.pk}"),)


def _at_own_address(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    own = Limit("account_mail_per_address", f"user:{request.user.pk}")
    return (own, *_to_address(email))


def _at_code(request: HttpRequest, email: str) -> tuple[Limit, ...]:
    """By account, also before its second step is done: a new session is no new start."""
    stage = get_pending_stage(request)
    user = stage.login.user if stage is not None else request.user
    return (Limit("code_per_account", f"user:{user.pk}" if user else _network(request)),)


def _to_address(email: str) -> tuple[Limit, ...]:
    """An empty address is refused by its form, and costs nobody anything."""
    found = normalised(email)
    return (Limit("account_mail_per_address", found),) if found else ()


# By the name of the operation, the same for the page and for the API.
_LIMITS: dict[str, Callable[[HttpRequest, str], tuple[Limit, ...]]] = {
    "signup": _at_signup,
    "password_request": _at_reset,
    "password_reset": _at_key,
    "email_verify": _at_key,
    "password_change": _at_own_password,
    "email_change": _at_own_address,
    "code": _at_code,
}


def spend_for(operation: str, request: HttpRequest, *, email: str = "") -> None:
    """Count one use of an operation, if it is limited. Logins and codes count where they are checked.

    :raises TooManyRequests: with `retry_after` in seconds.
    """
    find = _LIMITS.get(operation)
    if find is not None:
        limits.spend(*find(request, email))
