"""A mail server that can be switched off."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Server:
    """What becomes of mails that are handed over."""

    def __init__(self) -> None:
        self.is_down = False
        self.taken: list[str] = []

    def start_anew(self) -> None:
        """Be up, with nothing taken yet."""
        self.is_down = False
        self.taken.clear()


server = Server()


class Backend(BaseEmailBackend):
    """Hands mails to the server of the simulation."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand mails over. :raises ConnectionRefusedError: while the server is down."""
        if server.is_down:
            raise ConnectionRefusedError("the mail server of the simulation is down")
        server.taken += [message.extra_headers.get("Message-ID", "") for message in email_messages]
        return len(email_messages)
