"""A dump that is restored: its triggers find their tables, and a copy of the shop writes to nobody."""

import subprocess
import sysconfig
from pathlib import Path

import pytest
from django.db import connection

from orders.models import BillingCycle
from shop.devstack import postgres
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of


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
