"""One valid request for every operation of the account, as whoever asks needs it. Written by hand."""

import time
from collections.abc import Callable
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value

from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from tests.policy.callers import Caller
from tests.policy.world import PASSWORD
from tests.strangers import App, key_of_latest_mail

Ask = Callable[[Caller], Any]
SECRET = "JBSWY3DPEHPK3PXP"
NEW_PASSWORD = "nine purple herons"


def code(secret: str = SECRET) -> str:
    """Return what an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def _account(email: str) -> User:
    """An account that the caller has beside the one that is signed in."""
    user = User.objects.create_user(email, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    return user


def _send(method: str, path: str, body: Any = None) -> Ask:
    return lambda caller: caller.auth(method, path, body)


def _log_in(caller: Caller) -> Any:
    _account("mine@buyer.example")
    return caller.auth("POST", "login", {"email": "mine@buyer.example", "password": PASSWORD})


def _verify(caller: Caller) -> Any:
    App().post("auth/app/signup", {"email": "mine@buyer.example", "password": PASSWORD})
    return caller.auth("POST", "email/verify", {"key": key_of_latest_mail("account_verify")})


def _reset(caller: Caller) -> Any:
    _account("mine@buyer.example")
    App().post("auth/app/password/request", {"email": "mine@buyer.example"})
    key = key_of_latest_mail("account_reset")
    return caller.auth("POST", "password/reset", {"key": key, "password": NEW_PASSWORD})


def _known_again(ask: Ask) -> Ask:
    """As somebody who has just given the password once more."""

    def asked(caller: Caller) -> Any:
        caller.auth("POST", "reauthenticate", {"password": PASSWORD})
        return ask(caller)

    return asked


def _drop_change(caller: Caller) -> Any:
    caller.auth("POST", "email", {"email": "new@buyer.example"})
    return caller.auth("DELETE", "email", {"email": "new@buyer.example"})


def _end_own(caller: Caller) -> Any:
    """End a session that one has elsewhere."""
    if not caller.is_signed_in:
        return caller.auth("DELETE", "sessions", {"sessions": [1]})
    App().sign_in(caller.world.users[caller.person].email, PASSWORD)
    rows = caller.auth("GET", "sessions").json()["data"]
    other = max(row["id"] for row in rows if not row["is_current"])
    return caller.auth("DELETE", "sessions", {"sessions": [other]})


def _end_owners(caller: Caller) -> Any:
    """End the session in which the owner sits: for her that is to sign out."""
    rows = Caller(caller.world, "owner", caller.kind).auth("GET", "sessions").json()["data"]
    here = next(row["id"] for row in rows if row["is_current"])
    return caller.auth("DELETE", "sessions", {"sessions": [here]})


def _second_step(caller: Caller) -> Any:
    """A login whose password is done and whose code is left."""
    user = _account("mine@buyer.example")
    TOTP.activate(user, SECRET)
    started = caller.auth("POST", "login", {"email": user.email, "password": PASSWORD})
    if caller.kind == "app" and not caller.is_signed_in:
        token = started.json()["meta"]["session_token"]
        path = "auth/app/2fa/authenticate"
        return caller.send("POST", path, {"code": code()}, **{"X-Session-Token": token})
    return caller.auth("POST", "2fa/authenticate", {"code": code()})


def _with_app(ask: Ask) -> Ask:
    """As somebody who has set up an authenticator app and has just given the password once more."""

    def asked(caller: Caller) -> Any:
        caller.auth("POST", "reauthenticate", {"password": PASSWORD})
        if caller.is_signed_in:
            TOTP.activate(caller.world.users[caller.person], SECRET)
        return ask(caller)

    return asked


def _set_up(caller: Caller) -> Any:
    """The secret comes with the answer that there is no app yet."""
    offered = caller.auth("GET", "authenticators/totp").json()
    secret = offered.get("meta", {}).get("secret", SECRET)
    return caller.auth("POST", "authenticators/totp", {"code": code(secret)})


ASKS: dict[str, Ask] = {
    "auth_session": _send("GET", "session"),
    "auth_logout": _send("DELETE", "session"),
    "auth_login": _log_in,
    "auth_signup": _send("POST", "signup", {"email": "mine@buyer.example", "password": PASSWORD}),
    "auth_email_verify": _verify,
    "auth_password_request": _send("POST", "password/request", {"email": "mine@buyer.example"}),
    "auth_password_reset": _reset,
    "auth_password_change": _send(
        "POST", "password/change", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ),
    "auth_reauthenticate": _send("POST", "reauthenticate", {"password": PASSWORD}),
    "auth_email_list": _send("GET", "email"),
    "auth_email_change": _known_again(_send("POST", "email", {"email": "new@buyer.example"})),
    "auth_email_drop": _known_again(_drop_change),
    "auth_sessions": _send("GET", "sessions"),
    "auth_sessions_end": _end_own,
    "auth_sessions_end.theirs": _end_owners,
    "auth_code": _second_step,
    "auth_code_again": _with_app(lambda caller: caller.auth("POST", "2fa/reauthenticate", {"code": code()})),
    "auth_authenticators": _send("GET", "authenticators"),
    "auth_totp": _with_app(_send("GET", "authenticators/totp")),
    "auth_totp_set": _known_again(_set_up),
    "auth_totp_drop": _with_app(_send("DELETE", "authenticators/totp")),
    "auth_recovery_codes": _with_app(_send("POST", "authenticators/recovery-codes")),
}
