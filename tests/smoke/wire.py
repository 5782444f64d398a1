"""What went over the wire: each answer's path, status, request id and time, as the server sent them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import requests


@dataclass(frozen=True)
class Answer:
    method: str
    path: str
    status: int
    request_id: str
    milliseconds: int

    def __str__(self) -> str:
        return (
            f"{self.method} {self.path} → {self.status} {self.request_id or '(no id)'} {self.milliseconds} ms"
        )


@contextmanager
def recorded() -> Iterator[list[Answer]]:
    """Record every answer to a request that is made inside. Keys and bodies are not looked at."""
    heard: list[Answer] = []
    send = requests.Session.send

    def listen(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
        started = time.monotonic()
        answer = send(session, request, **options)
        took = int((time.monotonic() - started) * 1000)
        path = urlsplit(str(request.url)).path
        request_id = answer.headers.get("Request-Id", "")
        heard.append(Answer(str(request.method), path, answer.status_code, request_id, took))
        return answer

    with mock.patch.object(requests.Session, "send", listen):
        yield heard
