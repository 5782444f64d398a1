"""manage.py prepare_stack: migrate and load sample data into an empty shop, in one process."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate, and load the sample data when the shop is empty. `make run` calls it at every start."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_sample_data", if_empty=True)
