"""Clients of the account's API, and the keys that their mails bring them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from shop.mail.models import OutboxMessage


@dataclass
class App:
    """A client without cookies, as an app on a phone is."""

    token: str = ""
    address: str = "198.51.100.7"
    client: Client = field(default_factory=Client)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request with a JSON body, if there is one; return Django's response."""
        return self.raw(method, path, b"" if body is None else json.dumps(body).encode())

    def raw(self, method: str, path: str, body: bytes) -> Any:
        self.client.cookies.clear()
        headers = {"X-Session-Token": self.token} if self.token else {}
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            data=body,
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=self.address,
        )

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.send("POST", path, body)

    def sign_in(self, email: str, password: str) -> Any:
        """Sign in and keep the token."""
        answer = self.post("auth/app/login", {"email": email, "password": password})
        found = answer.json().get("meta", {}).get("session_token")
        self.token = found or self.token
        return answer


def link_of_latest_mail(kind: str = "") -> str:
    """Return the link behind the button of the newest mail, of a kind if one is named."""
    rows = OutboxMessage.objects.filter(kind=kind) if kind else OutboxMessage.objects.all()
    message = rows.order_by("-pk")[0]
    found = re.search(r": (http\S+)", message.text)
    assert found, message.text
    return found.group(1)


def key_of_latest_mail(kind: str) -> str:
    """Return the last part of that link: what an app sends back."""
    return link_of_latest_mail(kind).rpartition("/")[2]
