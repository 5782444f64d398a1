"""manage.py load_sample_data: a shop to look at, with a demo login for staff."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError

import catalog.sample_data
import content.sample_data
import orders.sample_data
from catalog import sample_pictures
from catalog.models import Product
from shop.accounts import registration, roles
from shop.accounts.models import User
from shop.clock import reading

DEMO_STAFF_EMAIL = "staff@shop.example"
DEMO_STAFF_PASSWORD = "demo-only"  # noqa: S105 - printed by `make run`, refused where money is real


class Command(BaseCommand):
    help = "Load the sample catalogue, regions, articles and the demo staff login, where missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only when there is no product yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if "_live_" in settings.STRIPE_SECRET_KEY or not settings.MAIL_PAGE_ENABLED:
            raise CommandError("Sample data and its demo login are not for a shop that takes real money.")
        if options["if_empty"] and Product.objects.exists():
            return
        at = reading.now()
        catalog.sample_data.load(at=at)
        sample_pictures.load()
        orders.sample_data.load(at=at)
        content.sample_data.load(at=at)
        _make_staff(at)
        self.stdout.write("Sample data is loaded.")


def role_email(role: str) -> str:
    """Return the address of a role's demo login."""
    return f"{role}@shop.example"


def _make_staff(at: datetime) -> None:
    """One superuser, and one member of staff for each role: to see what each sees."""
    if not User.objects.filter(email=DEMO_STAFF_EMAIL).exists():
        boss = User.objects.create_superuser(DEMO_STAFF_EMAIL, DEMO_STAFF_PASSWORD, name="Demo staff")
        registration.vouch_for(boss, at=at)
    for role in roles.ROLES:
        if not User.objects.filter(email=role_email(role)).exists():
            user = User.objects.create_user(
                role_email(role), DEMO_STAFF_PASSWORD, name=f"Demo {role}", is_staff=True
            )
            user.groups.add(Group.objects.get(name=role))
            registration.vouch_for(user, at=at)
