"""One connection to the mail server for many mails, and whether it is worth going on."""

from contextlib import suppress
from smtplib import SMTPException

from django.core.mail import EmailMessage, get_connection

from shop.mail import refusals

# So many mails in a row that might pass later: then the server is at fault, not the mails.
MOST_FAILURES = 3


class Postman:
    """Sends mails over a connection that stays open. `is_stuck`: the server is gone, or takes nothing."""

    def __init__(self) -> None:
        self._connection = get_connection()
        self._failures = 0
        self.is_stuck = False

    def __enter__(self) -> "Postman":
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def send(self, mail: EmailMessage) -> None:
        """Send a mail.

        :raises OSError, smtplib.SMTPException: as Django's own; after what may pass the next one has a
            connection of its own, since nobody knows what the server still waits for on the old one.
        """
        try:
            self._reach()
            self._connection.send_messages([mail])
        except (OSError, SMTPException) as error:
            if refusals.permanent(error) is None:
                self._failures += 1
                self.is_stuck = self.is_stuck or self._failures >= MOST_FAILURES
                self._hang_up()
            raise
        self._failures = 0

    def _reach(self) -> None:
        try:
            self._connection.open()
        except (OSError, SMTPException):
            self.is_stuck = True
            raise

    def _hang_up(self) -> None:
        with suppress(OSError, SMTPException):
            self._connection.close()
