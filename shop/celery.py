"""Celery: the app, and the beat table read as a timetable.

Each entry only wakes a sweep over rows; firing twice, late or never changes nothing but the time.
"""

import os
import sys
from typing import Any

from celery import Celery, Task
from celery.signals import beat_init, celeryd_init, task_postrun, task_prerun
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from shop import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Celery closes the pool of connections after so many tasks, and by itself after each: then every task would
# begin with a new connection, and PostgreSQL with a new process that knows no table yet (about as long as the
# whole work of charging a refill takes).
app.conf.CELERY_DB_REUSE_MAX = 500

# Seconds between wake-ups.
app.conf.beat_schedule = {
    "send the mails that wait": {"task": "mail.sweep_outbox", "schedule": 10.0},
    "work off Stripe's events": {"task": "orders.sweep_webhook_events", "schedule": 10.0},
    "charge the refills that are due": {"task": "orders.dispatch_due_refills", "schedule": 5.0},
    "plan the coming refills": {"task": "orders.plan_refills", "schedule": 15.0},
    "change the refills that staff chose": {"task": "orders.work_off_bulk_changes", "schedule": 15.0},
    "tell of rising prices, ending cards and the terms": {"task": "orders.look_ahead", "schedule": 300.0},
    "ask Stripe about silent payments": {"task": "orders.reconcile", "schedule": 60.0},
    "match statements of withdrawal": {"task": "orders.match_withdrawals", "schedule": 60.0},
    "ask Stripe about disputes and fraud warnings": {"task": "orders.check_disputes", "schedule": 600.0},
    "compare the books, once a night": {"task": "orders.audit_books", "schedule": 900.0},
    "copy payouts": {"task": "orders.sync_payouts", "schedule": 21600.0},
    "release expired holds": {"task": "catalog.release_expired_holds", "schedule": 60.0},
    "draw the files of new pictures": {"task": "catalog.prepare_pictures", "schedule": 20.0},
    "draw the files of new article pictures": {"task": "content.prepare_pictures", "schedule": 20.0},
    "tell who waits that it is back in stock": {"task": "catalog.tell_back_in_stock", "schedule": 60.0},
    "forget who waited for stock": {"task": "catalog.forget_stock_requests", "schedule": 3600.0},
    "take up imports": {"task": "catalog.sweep_imports", "schedule": 60.0},
    "take aged lots off sale": {"task": "catalog.age_out_lots", "schedule": 600.0},
    "tell staff what ran low": {"task": "catalog.watch_stock", "schedule": 600.0},
    "forget old idempotency keys": {"task": "api.purge_idempotency_keys", "schedule": 3600.0},
    "forget the accounts that want it": {"task": "privacy.carry_out_erasures", "schedule": 600.0},
    "let go of what is over": {"task": "privacy.sweep_retention", "schedule": 3600.0},
    "count what the reports on refills show": {"task": "backoffice.count_refills", "schedule": 3600.0},
    "publish scheduled articles": {"task": "content.publish_due", "schedule": 30.0},
}


@task_prerun.connect
@task_postrun.connect
def give_back_connections(sender: Task, **kwargs: Any) -> None:
    """Around a task as around a request: its connection goes back to the pool, which looks if it lives."""
    if not sender.request.is_eager:
        close_old_connections()


@celeryd_init.connect
@beat_init.connect
def refuse_wrong_keys(**kwargs: Any) -> None:
    """A worker and a beat run no system checks: stop them here. Celery logs what a receiver raises and goes
    on, so that only leaving stops it.
    """
    try:
        checks.refuse_wrong_keys()
    except ImproperlyConfigured as refusal:
        sys.exit(str(refusal))
