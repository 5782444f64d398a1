"""A dump that is restored: its triggers find their tables, and a copy of the shop writes to nobody."""

import subprocess
import sysconfig
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from orders.models import BillingCycle, Deployment
from orders.subscriptions import planning
from shop.clock import reading
from shop.devstack import postgres
from shop.mail import delivery, tasks
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days


@pytest.mark.django_db
def test_reminders_follow_their_subscription_with_an_empty_search_path(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    assert cycle_of(subscription).reminder == "long"

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute("UPDATE public.orders_subscription SET interval_count = 1")
        cursor.execute("SET LOCAL search_path = public")

    assert cycle_of(subscription).reminder == "short"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_cycles_come_back_from_a_dump_of_data_alone(routine: Routine, tmp_path: Path) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 1))
    tools = postgres.find_tree(Path(sysconfig.get_path("purelib"))) / "bin"
    kept = tmp_path / "cycles.dump"
    params = connection.get_connection_params()
    where = [f"--dbname=postgres://{params['user']}@{params['host']}:{params['port']}/{params['dbname']}"]
    subprocess.run([tools / "pg_dump", *where, "-Fc", "-t", "orders_billing_cycle", "-f", kept], check=True)
    BillingCycle.objects.all().delete()

    subprocess.run([tools / "pg_restore", *where, "--data-only", kept], check=True)

    assert (cycle_of(subscription).index, cycle_of(subscription).reminder) == (1, "short")


@pytest.fixture
def restored(routine: Routine) -> datetime:
    """A refill of production is due to be announced, in a database that was restored on staging."""
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    with override_settings(DEPLOYMENT_NAME="production"):
        Deployment.objects.all().delete()
        planning.plan(at=cycle_of(subscription).due_at - days(5))
    return cycle_of(subscription).due_at - days(5)


@pytest.mark.django_db
@pytest.mark.parametrize("door", ["wake-up", "sweep", "command"])
def test_a_restored_dump_keeps_its_mails_to_itself(
    restored: datetime, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any], door: str
) -> None:
    (waiting,) = OutboxMessage.objects.filter(kind="refill_upcoming")
    monkeypatch.setattr(reading, "now", lambda: restored + days(1))

    with override_settings(DEPLOYMENT_NAME="staging"):
        doors: dict[str, Callable[[], object]] = {
            "wake-up": lambda: tasks.deliver_message(waiting.pk),
            "sweep": tasks.sweep_outbox,
            "command": lambda: call_command("deliver_outbox"),
        }
        doors[door]()

    assert mailoutbox == []
    assert not OutboxMessage.objects.exclude(status="pending", attempts=0).exists()


@pytest.mark.django_db
def test_what_was_held_back_is_sent_once_the_other_name_is_taken_over(
    restored: datetime, mailoutbox: list[Any]
) -> None:
    with override_settings(DEPLOYMENT_NAME="staging"):
        assert delivery.deliver_due(at=restored + days(1)) == 0

    with override_settings(DEPLOYMENT_NAME="production"):
        delivery.deliver_due(at=restored + days(1))

    (reminder,) = OutboxMessage.objects.filter(kind="refill_upcoming")
    assert (reminder.status, reminder.sent_at) == ("sent", restored + days(1))
    assert [mail.extra_headers["Message-ID"] for mail in mailoutbox].count(reminder.message_id) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["admin:index", "admin:mail_outboxmessage_changelist"])
def test_staff_read_why_no_mail_goes_out_and_how_to_lift_it(
    restored: datetime, admin_client: Client, page: str
) -> None:
    with override_settings(DEPLOYMENT_NAME="staging"):
        told = admin_client.get(reverse(page)).content.decode()
    with override_settings(DEPLOYMENT_NAME="production"):
        at_home = admin_client.get(reverse(page)).content.decode()

    assert "This database belongs to “production”, and this is “staging”" in told
    assert "DEPLOYMENT_NAME=production" in told
    assert "This database belongs to" not in at_home
