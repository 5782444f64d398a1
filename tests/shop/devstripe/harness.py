"""devstripe in this process, on a free port, Stripe's own SDK pointed at it, and a webhook endpoint."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import stripe

from shop.devstripe.server import Server

SECRET = "whsec_devstripe_tests"


@contextmanager
def serving(store: str = ":memory:", **options: Any) -> Iterator[Server]:
    """Run a server for the time of the block."""
    server = Server("127.0.0.1", 0, store, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.close()


def client_of(server: Server, key: str = "sk_test_devstripe", *, timeout_s: float = 80.0) -> Any:
    """Return the real SDK's v1 services, pointed at the server."""
    http_client = stripe.RequestsClient(timeout=timeout_s)
    addresses = {"api": server.url}
    return stripe.StripeClient(
        key, base_addresses=addresses, max_network_retries=0, http_client=http_client
    ).v1


def call(url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Return status, headers and JSON (or text) of one plain HTTP request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    data = json.dumps(body) if isinstance(body, dict) else body
    connection.request(method, f"{parts.path}?{parts.query}", data, headers or {})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, response.headers, json.loads(text) if is_json and text else text


def wait_for(condition: Callable[[], Any], seconds: float = 8.0) -> Any:
    """Return the condition's first true value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come true")


class Hook:
    """A shop's webhook endpoint: keeps what arrives and answers what it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.received.append((self.headers["Stripe-Signature"], body))
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/webhooks/stripe/"

    def events(self) -> list[Any]:
        """The events received, each verified by the SDK."""
        return [stripe.Webhook.construct_event(body, header, SECRET) for header, body in self.received]

    def types(self) -> list[str]:
        """Their types, in order of arrival."""
        return [event.type for event in self.events()]
