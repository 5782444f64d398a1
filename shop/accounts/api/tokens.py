"""`X-Session-Token`: how a client without cookies says who it is, on every address of the API."""

from typing import Any

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed

HEADER = "X-Session-Token"
# A session key as Django makes them; nothing longer reaches the database.
LONGEST = 64


class SessionToken(XSessionTokenAuthentication):
    """A token that is sent but opens nothing is refused; without one somebody else may know the caller."""

    def authenticate(self, request: HttpRequest) -> tuple[Any, Any] | None:
        token = self.get_session_token(request)
        if not token:
            return None
        found = super().authenticate(request) if len(token) <= LONGEST and token.isalnum() else None
        if found is None or not found[0].is_authenticated or not found[0].is_active:
            raise AuthenticationFailed("This session token is not valid (any more). Sign in again.")
        return found

    def authenticate_header(self, request: HttpRequest) -> str:
        return HEADER


class SessionTokenScheme(OpenApiAuthenticationExtension):
    target_class = "shop.accounts.api.tokens.SessionToken"
    name = "SessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": HEADER,
            "description": "`meta.session_token` of an answer of `auth/app/…`.",
        }
