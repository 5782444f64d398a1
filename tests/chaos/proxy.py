"""A recording proxy that breaks things, between the shop and its Stripe. Standard library only.

It speaks the control language and writes the log lines of `../shared/stripe/record_proxy.py`, so that one can
stand in for the other and `stripe_spec_check.py` reads both. Beyond it: events that are lost for good, forged
copies of real ids, and a 500 that Stripe repeats for its key only while the rule says `saved`.

    python -m tests.chaos.proxy --upstream URL --log FILE --webhook-target URL --webhook-secret whsec_x
"""

import argparse
import http.client
import json
import random
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO
from urllib.parse import urlsplit

from tests.chaos.hooks import Postman
from tests.chaos.rules import AFTER, Rules

NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "date", "server"}
RECORDED_HEADERS = {"authorization", "idempotency-key", "stripe-version", "content-type", "user-agent"}
SECRET = re.compile(r"((?:[srp]k)_(?:test|live)_)?(\S+)$")
ID = re.compile(r"(?<=/)(pi|cus|pm|re|ch)_[^/]+")
ERRORS = {
    "429": (429, {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests."}),
    "500": (500, {"type": "api_error", "message": "An unknown error occurred."}),
    "503": (503, {"type": "api_error", "message": "Temporarily unavailable."}),
    "409": (409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "In use."}),
}


@dataclass
class Answer:
    """What came from upstream, or what a fault puts in its place."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Recorder:
    """The JSONL log."""

    file: TextIO
    seq: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, line: dict[str, Any]) -> None:
        with self._lock:
            self.seq += 1
            text = json.dumps({"seq": self.seq, "t": round(time.time(), 3), **line}, separators=(",", ":"))
            self.file.write(text + "\n")
            self.file.flush()


class Server(ThreadingHTTPServer):
    """The proxy behind one port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", options.port), Handler)
        self.upstream = urlsplit(options.upstream)
        self.rules = Rules(random.Random(options.seed))
        self.record = Recorder(options.log)
        self.postman = Postman(options.webhook_target, options.webhook_secret, self.rules, self.record)
        self.saved: dict[str, Answer] = {}
        # requests that are held now, by a number: what they are, and the port that they came from
        self.held: dict[int, dict[str, Any]] = {}

    def hold(self, what: str, port: int, seconds: float) -> None:
        """Keep a request for a while, and let the control side see it."""
        number = time.monotonic_ns()
        self.held[number] = {"number": number, "what": what, "port": port}
        time.sleep(seconds)
        del self.held[number]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hung up, or was killed, is the point of the exercise."""


class Handler(BaseHTTPRequestHandler):
    """One connection: `/v1/…` goes to Stripe, `/_proxy/…` is the control side."""

    server: Server
    protocol_version = "HTTP/1.1"
    # An answer in one piece and at once: the second of two would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *arguments: Any) -> None:
        """The JSONL log has it all."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            # a client that was killed between the head and the body of its request has asked nothing
            self.close_connection = True
            return
        try:
            if self.path.startswith("/_proxy/"):
                self._control(json.loads(body or b"{}"))
            else:
                self._forward(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _forward(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        text = body.decode("utf-8", "replace")
        fired = self.server.rules.pick("api", first=True, method=self.command, path=path, body=text)
        fault, options = (fired[0].type, fired[0].spec) if fired else (None, {})
        line = {
            "kind": "api", "method": self.command, "path": path, "query": query, "body": text,
            "headers": self._headers(), "status": None, "response": None, "fault": fault, "client_saw": None,
        }  # fmt: skip
        started = time.time()
        if fault == "hold_before":
            self._hold(fault, path, options)
        answer = None if fault and fault not in AFTER else self._answer(body, line, options)
        saw, pause, shown = _seen(fault, answer, options)
        self.server.record({**line, "client_saw": saw, "ms": round((time.time() - started) * 1000, 1)})
        if fault == "hold_after":
            self._hold(fault, path, options)
        time.sleep(pause)
        if shown is None:
            self._vanish(reset=saw == "reset")
        else:
            self._send(shown, cut=saw == "truncated")

    def _hold(self, fault: str, path: str, options: dict[str, Any]) -> None:
        what = f"{fault} {self.command} {ID.sub('*', path)}"
        self.server.hold(what, self.client_address[1], float(options.get("seconds", 1.5)))

    def _answer(self, body: bytes, line: dict[str, Any], options: dict[str, Any]) -> Answer:
        """Ask Stripe, unless a 500 is on record for this key: Stripe repeats those too.

        Source: https://docs.stripe.com/api/idempotent_requests
        """
        key = self.headers.get("Idempotency-Key", "")
        answer = self.server.saved.get(key) if key else None
        if answer is None:
            answer = self._upstream(body)
            if key and line["fault"] == "500_after" and options.get("saved", False):
                status, error = ERRORS["500"]
                replayed = [("Idempotent-Replayed", "true")]
                self.server.saved[key] = Answer(status, replayed, json.dumps({"error": error}).encode())
        line["status"] = answer.status
        line["response"] = _decoded(answer.body)
        return answer

    def _headers(self) -> dict[str, str]:
        shown = {
            name.lower(): value for name, value in self.headers.items() if name.lower() in RECORDED_HEADERS
        }
        if "authorization" in shown:
            shown["authorization"] = SECRET.sub(
                lambda m: (m[1] or "") + "***" + m[2][-4:], shown["authorization"]
            )
        return shown

    def _upstream(self, body: bytes) -> Answer:
        address = self.server.upstream
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
        try:
            connection.request(self.command, self.path, body or None, headers)
            got = connection.getresponse()
            kept = [(name, value) for name, value in got.getheaders() if name.lower() not in NOT_PASSED_ON]
            return Answer(got.status, kept, got.read())
        except (OSError, http.client.HTTPException) as error:
            return _error(502, {"type": "api_error", "message": f"upstream: {error!r}"})
        finally:
            connection.close()

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        if not any(name.lower() == "content-type" for name, _ in answer.headers):
            self.send_header("Content-Type", "application/json")
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.wfile.flush()
        if cut:
            self._vanish()

    def _vanish(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.close_connection = True

    def _control(self, given: Any) -> None:
        server, verb = self.server, f"{self.command} {self.path.removeprefix('/_proxy/')}"
        said: Any = {"ok": True}
        if verb == "POST webhook_in":
            server.postman.take(given)
        elif verb == "POST swallow":
            pass  # an event that nobody needs
        elif verb == "POST faults":
            server.rules.add(given if isinstance(given, list) else [given])
        elif verb == "DELETE faults":
            server.rules.clear()
        elif verb == "POST forget_keys":
            server.saved.clear()
        elif verb == "POST flush":
            said = {"drained": server.postman.flush(float(given.get("timeout", 10)))}
        elif verb == "GET state":
            held = list(server.held.values())
            said = {"seq": server.record.seq, "queue": server.postman.waiting, "held": held}
        else:
            self._send(_error(404, {"message": "no such control route"}))
            return
        self._send(Answer(200, [], json.dumps(said).encode()))


def _seen(
    fault: str | None, answer: Answer | None, options: dict[str, Any]
) -> tuple[Any, float, Answer | None]:
    """Return what the client gets to see (for the log), after how long, and the answer itself if any."""
    if fault in {"drop_before", "drop_after"}:
        return "dropped", 0, None
    if fault in {"reset_before", "reset_after"}:
        return "reset", 0, None
    if fault == "hang_after":
        return "timeout", float(options.get("seconds", 8)), None
    if fault == "html":
        page = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
        return 503, 0, Answer(503, [("Content-Type", "text/html")], page)
    if fault == "500_after" or answer is None:
        status, error = ERRORS["500" if fault == "500_after" else fault or "500"]
        return status, 0, _error(status, error)
    if fault == "truncate_after":
        return "truncated", 0, answer
    return answer.status, float(options.get("seconds", 1)) if fault == "slow_after" else 0, answer


def _error(status: int, error: dict[str, Any]) -> Answer:
    return Answer(status, [], json.dumps({"error": error}).encode())


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body[:500].decode("utf-8", "replace")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    for name in ("upstream", "webhook-target", "webhook-secret"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--log", required=True, type=argparse.FileType("a", encoding="utf-8"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    Server(parser.parse_args()).serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
