"""A mail server that takes everything and remembers it; a mail can be held before it is acknowledged."""

import re
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.MULTILINE | re.IGNORECASE)
HOLD_S = 1.5


@dataclass
class Sink:
    """What arrived: how often each Message-ID, and for whom."""

    port: int = 0
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)
    held: dict[int, dict[str, object]] = field(default_factory=dict)
    to_hold: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Sink":
        self._server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", 0), self._handler(), bind_and_activate=True
        )
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, recipient: str, data: bytes, port: int) -> None:
        """Remember a mail; then, if told so, let its sender wait for the answer."""
        found = MESSAGE_ID.search(data)
        number = time.monotonic_ns()
        with self._lock:
            self.mails[(found[1].decode() if found else "", recipient)] += 1
            holds = self.to_hold > 0
            self.to_hold -= holds
            if holds:
                self.held[number] = {"number": number, "what": "hold_after a mail", "port": port}
        if holds:
            time.sleep(HOLD_S)
            del self.held[number]

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 sink")
                recipient = ""
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        recipient = line.split(b":", 1)[1].strip().strip(b"<>").decode()
                    if verb == b"DATA":
                        self._say("354 go on")
                        data = self._data()
                        if data is None:
                            return
                        sink.take(recipient, data, self.client_address[1])
                    self._say("221 bye" if verb == b"QUIT" else "250 ok")
                    if verb == b"QUIT":
                        return

            def _say(self, words: str) -> None:
                self.wfile.write(f"{words}\r\n".encode())

            def _data(self) -> bytes | None:
                lines = []
                while line := self.rfile.readline():
                    if line == b".\r\n":
                        return b"".join(lines)
                    lines.append(line)
                # a sender that was killed in the middle has sent nothing
                return None

            def finish(self) -> None:
                try:
                    super().finish()
                except OSError:
                    self.rfile.close()

        class Quiet(Handler):
            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    return

        return Quiet
