"""How one of the seven sends a request: in a browser with its cookies and CSRF token, or in an app."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tests.policy.world import CSRF, World


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent: enough to send it again, whole or spoilt."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Caller:
    """One person with one kind of client; each has a client of their own, new for every cell."""

    world: World
    person: str
    kind: str = "browser"
    client: Client | None = None
    csrf: str = CSRF
    sent: list[Request] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request about this API; return Django's response."""
        self.sent.append(Request(method, path, body, headers))
        raw = b"" if body is None else json.dumps(body).encode()
        return self.raw(method, path, raw, **headers)

    def raw(
        self, method: str, path: str, raw: bytes, content_type: str = "application/json", **headers: str
    ) -> Any:
        """Send any bytes, as the same person."""
        if self.client is None:
            self.client = self.world.browser(self.person if self.kind == "browser" else "stranger")
        proof = {"X-CSRFToken": self.csrf}
        if self.kind == "app":
            self.client.cookies.clear()
            token = self.world.tokens.get(self.person, "")
            proof = {"X-Session-Token": token} if token else {}
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            data=raw,
            content_type=content_type,
            headers={**proof, **headers},
        )

    def auth(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request about the account's own operations."""
        return self.send(method, f"auth/{self.kind}/{path}", body)

    @property
    def is_signed_in(self) -> bool:
        return self.person in self.world.users
