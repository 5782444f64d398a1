"""A port behind which something is wrong: for Stripe and for Redis alike."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

ANSWER = b'{"error": {"type": "api_error", "message": "broken"}}'


@dataclass
class Broken:
    """What the port saw."""

    port: int
    connections: int = 0
    requests: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def broken(how: str) -> Iterator[Broken]:
    """Listen, and "hang" (take requests, answer none), "trickle" (a byte at a time) or answer "500"."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    seen = Broken(port=listener.getsockname()[1])

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                seen.connections += 1
                seen._open.append(sock)
                threading.Thread(target=_talk, args=(sock, how, seen), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield seen
    finally:
        listener.close()
        for sock in seen._open:
            sock.close()


def _talk(sock: socket.socket, how: str, seen: Broken) -> None:
    with contextlib.suppress(OSError):
        while data := sock.recv(65536):
            # Headers and body may come in two pieces.
            if b" HTTP/1.1\r\n" not in data:
                continue
            seen.requests += 1
            head = (
                f"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
            )
            if how == "500":
                sock.sendall(head.encode() + ANSWER)
            elif how == "trickle":
                for byte in head.encode() + ANSWER:
                    sock.sendall(bytes([byte]))
                    time.sleep(0.1)
