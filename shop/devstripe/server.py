"""HTTP: one handler that sends API calls, the control surface, and pages where they belong."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import api, endpoints, errors, idempotency, pages
from .context import Context
from .control import Control
from .store import Store
from .webhooks import Deliverer

MAX_BODY = 1_000_000
# Whoever waits longer for an answer than this gets none either.
SILENT_AT_MOST_S = 120.0
HTML, JSON, SCRIPT, STYLE = "text/html", "application/json", "text/javascript", "text/css"
PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors *"
UNAVAILABLE = {"error": {"type": "api_error", "message": "Stripe is overloaded. Please try again later."}}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Expose-Headers": "Request-Id, Idempotent-Replayed",
    "Access-Control-Max-Age": "600",
}


class Server(ThreadingHTTPServer):
    """devstripe: the store, the API, the control surface and the deliveries behind one port."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        host: str,
        port: int,
        store: str,
        *,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        public_url: str | None = None,
    ) -> None:
        super().__init__((host, port), Handler)
        self.url = public_url or f"http://{host}:{self.server_address[1]}"
        self.store = Store(store)
        keys = idempotency.Keys(self.store)
        keys.prune(idempotency.KEEP_SECONDS)
        self.deliverer = Deliverer(self.store, self.url)
        self.api = api.Api(self.store, keys, self.url)
        self.control = Control(self.store, keys, self.deliverer, self.url)
        with self.store.unit():
            endpoints.configure(Context(self.store, self.url), webhook_url, webhook_secret)
        self.deliverer.start()

    def close(self) -> None:
        """Stop serving and delivering, and close the store; what is due stays due."""
        self.server_close()
        self.deliverer.stop()
        self.store.close()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; say where on standard output."""

        def stop(signum: int, frame: FrameType | None) -> None:
            # shutdown() waits for the loop this very thread runs.
            threading.Thread(target=self.shutdown, daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"devstripe listening on {self.url}", flush=True)
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self.close()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_GET(self) -> None:
        """Serve a read."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Serve a write."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Serve a deletion."""
        self._serve("DELETE")

    def do_OPTIONS(self) -> None:
        """Answer the browser's question whether it may."""
        self._send(204, "", JSON, CORS)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: /_test/requests has the log."""

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            self._send(413, "", JSON)
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        if parts.path.startswith("/v1/"):
            self._api(method, parts.path, parts.query, body)
        elif parts.path.startswith("/_test/"):
            self._control(method, parts.path, parts.query, body)
        else:
            self._page(method, parts.path, parts.query, body)

    def _api(self, method: str, path: str, query: str, body: str) -> None:
        started = time.time()
        fault = self.server.control.faults.strike()
        if fault == "unreached":
            self.close_connection = True
            return
        if fault == "unavailable":
            self._send(503, json.dumps(UNAVAILABLE), JSON, CORS)
            return
        request = api.Request(method, path, query, self.headers, body)
        answer = self.server.api.handle(request)
        key = self.headers.get("Idempotency-Key")
        self.server.control.log.add(method, path, key, answer.status, started)
        if fault in ("lost", "silent"):
            if fault == "silent":
                self._wait_for_hanging_up()
            self.close_connection = True
            return
        self._send(answer.status, answer.body, JSON, {**CORS, **answer.headers})

    def _wait_for_hanging_up(self) -> None:
        """Keep the line open without a word."""
        self.connection.settimeout(SILENT_AT_MOST_S)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def _control(self, method: str, path: str, query: str, body: str) -> None:
        try:
            given = json.loads(body or "{}") if method == "POST" else dict(parse_qsl(query))
            if not isinstance(given, dict):
                raise errors.bad_parameter("", "Invalid object")
            answer = self.server.control.handle(method, path, given)
        except errors.ApiError as error:
            self._send(error.status, json.dumps(error.body), JSON)
        except ValueError as error:
            self._send(400, json.dumps({"error": {"message": str(error)}}), JSON)
        else:
            self._send(200, json.dumps(answer), JSON)

    def _page(self, method: str, path: str, query: str, body: str) -> None:
        if path.startswith("/hooks/3ds/"):
            self._challenge(method, path, query, body)
        elif path == "/":
            self._send(200, pages.overview(self.server.store), HTML)
        elif path in ("/v3", "/v3/") or path.endswith("stripe.js"):
            self._send(200, pages.SCRIPT, SCRIPT, CORS)
        elif path == "/browser/pages.css":
            self._send(200, pages.STYLE, STYLE)
        elif path.startswith(("/receipts/", "/c/pay/")) and (text := pages.notice(self.server.store, path)):
            self._send(200, text, HTML)
        else:
            self._send(404, json.dumps(errors.unknown_url(method, path).body), JSON, CORS)

    def _challenge(self, method: str, path: str, query: str, body: str) -> None:
        secret = dict(parse_qsl(query)).get("client_secret", "")
        server = self.server
        try:
            with server.store.unit():
                ctx = Context(server.store, server.url)
                intent = pages.challenged(ctx, path.rsplit("/", 1)[-1], secret)
                if method == "GET":
                    self._send(200, pages.challenge(intent, query), HTML)
                    return
                outcome = dict(parse_qsl(body)).get("outcome", "fail")
                back = pages.finish_challenge(ctx, intent, outcome, query)
        except errors.ApiError as error:
            self._send(error.status, pages.shell("3-D Secure", f"<p>{error.error['type']}</p>"), HTML)
            return
        if back:
            self._send(303, "", HTML, {"Location": back})
        else:
            self._send(200, pages.shell("3-D Secure", "<p>Done. You can close this page.</p>"), HTML)

    def _send(self, status: int, body: str, kind: str, headers: dict[str, str] | None = None) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind != JSON else kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if kind == HTML:
            self.send_header("Content-Security-Policy", PAGE_POLICY)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
