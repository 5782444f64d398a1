"""manage.py devstripe: Stripe's wire protocol on a local port."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from shop.devstripe import cli

OPTIONS = ("host", "port", "store", "webhook_url", "webhook_secret", "public_url")


class Command(BaseCommand):
    """The same options as `python -m shop.devstripe`."""

    help = "Run the local Stripe double."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        cli.run(**{name: options[name] for name in OPTIONS})
