"""manage.py prepare_stack: migrate and load sample data into an empty shop, in one process."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate, and load the sample data when the shop is empty. `make run` calls it at every start."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--addresses", action="store_true", help="and print where everything will be")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_sample_data", if_empty=True)
        if options["addresses"]:
            # here, since a process of its own would spend a second on imports again
            call_command("show_addresses")
