"""manage.py deliver_outbox: send every mail that is due now."""

from typing import Any

from django.core.management.base import BaseCommand

from shop.clock import reading
from shop.mail import delivery


class Command(BaseCommand):
    help = "Send every mail of the outbox that is due."

    def handle(self, *args: Any, **options: Any) -> None:
        sent = 0
        while batch := delivery.deliver_due(at=reading.now()):
            sent += batch
        self.stdout.write(f"{sent} {'mail' if sent == 1 else 'mails'} sent.")
