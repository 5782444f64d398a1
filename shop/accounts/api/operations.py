"""The operations of `auth/{client}/…`: one table for addresses, strict input and the OpenAPI document.

The views are allauth's; what is not in this table does not exist.
Source: https://docs.allauth.org/en/latest/headless/openapi-specification/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.headless.account import views as account
from allauth.headless.mfa import views as mfa
from allauth.headless.usersessions import views as usersessions

EMAIL = {"type": "string", "format": "email", "maxLength": 254}
PASSWORD = {"type": "string", "maxLength": 1000, "format": "password"}
KEY = {"type": "string", "maxLength": 300}
CODE = {"type": "string", "maxLength": 40}
IDS = {"type": "array", "items": {"type": "integer"}, "maxItems": 100, "minItems": 1}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of an operation. `body` names every field that it takes, each of them required.

    `done` turns an answer of allauth into ours where it says 401 although all went well: the caller is
    signed out now, or has one more step to take.
    """

    id: str
    summary: str
    answer: str
    body: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    done: Mapping[int, int] = field(default_factory=dict)
    is_open: bool = False
    description: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    path: str
    view: Any
    calls: Mapping[str, Call]


_SIGNED_OUT = {401: 204}

OPERATIONS = (
    Operation(
        "session",
        account.SessionView,
        {
            "GET": Call("auth_session", "Who is signed in", "Authentication", is_open=True),
            "DELETE": Call("auth_logout", "Sign out", "Nothing", done=_SIGNED_OUT, is_open=True),
        },
    ),
    Operation(
        "login",
        account.LoginView,
        {
            "POST": Call(
                "auth_login",
                "Sign in",
                "Authentication",
                {"email": EMAIL, "password": PASSWORD},
                is_open=True,
                description="401 with `code` `verify_email` or `mfa_authenticate`: that step is left.",
            )
        },
    ),
    Operation(
        "signup",
        account.SignupView,
        {
            "POST": Call(
                "auth_signup",
                "Open an account",
                "Pending",
                {"email": EMAIL, "password": PASSWORD},
                done={401: 202},
                is_open=True,
                limit="signup",
                description="A mail asks whether the address is right. The answer is the same for an address "
                "that has an account.",
            )
        },
    ),
    Operation(
        "email/verify",
        account.VerifyEmailView,
        {
            "POST": Call(
                "auth_email_verify",
                "Confirm an e-mail address",
                "Nothing",
                {"key": KEY},
                done={200: 204, 401: 204},
                is_open=True,
                limit="email_verify",
                description="`key` is the last part of the link in the mail.",
            )
        },
    ),
    Operation(
        "password/request",
        account.RequestPasswordResetView,
        {
            "POST": Call(
                "auth_password_request",
                "Ask for a mail to choose a new password",
                "Nothing",
                {"email": EMAIL},
                done={200: 204, 401: 204},
                is_open=True,
                limit="password_request",
                description="The answer is the same whether or not there is such an account.",
            )
        },
    ),
    Operation(
        "password/reset",
        account.ResetPasswordView,
        {
            "POST": Call(
                "auth_password_reset",
                "Choose a new password with the key of the mail",
                "Nothing",
                {"key": KEY, "password": PASSWORD},
                done={200: 204, 401: 204},
                is_open=True,
                limit="password_reset",
                description="Ends every session of the account.",
            )
        },
    ),
    Operation(
        "password/change",
        account.ChangePasswordView,
        {
            "POST": Call(
                "auth_password_change",
                "Change the password",
                "Authentication",
                {"current_password": PASSWORD, "new_password": PASSWORD},
                limit="password_change",
                description="Ends every other session of the account.",
            )
        },
    ),
    Operation(
        "reauthenticate",
        account.ReauthenticateView,
        {
            "POST": Call(
                "auth_reauthenticate", "Prove again who you are", "Authentication", {"password": PASSWORD}
            )
        },
    ),
    Operation(
        "email",
        account.ManageEmailView,
        {
            "GET": Call("auth_email_list", "The address, and the one it is to become", "EmailAddresses"),
            "POST": Call(
                "auth_email_change",
                "Change the e-mail address",
                "EmailAddresses",
                {"email": EMAIL},
                limit="email_change",
                description="A mail goes to the new address; until it is confirmed there the old one stays. "
                "Needs `auth/{client}/reauthenticate` within the last five minutes.",
            ),
            "DELETE": Call("auth_email_drop", "Keep the old address", "EmailAddresses", {"email": EMAIL}),
        },
    ),
    Operation(
        "sessions",
        usersessions.SessionsView,
        {
            "GET": Call("auth_sessions", "Where the account is signed in", "Sessions"),
            "DELETE": Call(
                "auth_sessions_end", "Sign out elsewhere", "Sessions", {"sessions": IDS}, done=_SIGNED_OUT
            ),
        },
    ),
    Operation(
        "2fa/authenticate",
        mfa.AuthenticateView,
        {
            "POST": Call(
                "auth_code",
                "Sign in, second step: a code",
                "Authentication",
                {"code": CODE},
                is_open=True,
                limit="code",
            )
        },
    ),
    Operation(
        "2fa/reauthenticate",
        mfa.ReauthenticateView,
        {
            "POST": Call(
                "auth_code_again",
                "Prove again who you are, by a code",
                "Authentication",
                {"code": CODE},
                limit="code",
            )
        },
    ),
    Operation(
        "authenticators",
        mfa.AuthenticatorsView,
        {"GET": Call("auth_authenticators", "Second factors of the account", "Authenticators")},
    ),
    Operation(
        "authenticators/totp",
        mfa.ManageTOTPView,
        {
            "GET": Call(
                "auth_totp",
                "The authenticator app, or 404 with a secret to set one up",
                "Authenticator",
            ),
            "POST": Call(
                "auth_totp_set", "Set up an authenticator app", "Authenticator", {"code": CODE}, limit="code"
            ),
            "DELETE": Call("auth_totp_drop", "Remove the authenticator app", "Status"),
        },
    ),
    Operation(
        "authenticators/recovery-codes",
        mfa.ManageRecoveryCodesView,
        {"POST": Call("auth_recovery_codes", "Make new recovery codes", "RecoveryCodes")},
    ),
)
