"""Celery: the app, and the beat table read as a timetable.

Each entry only wakes a sweep over rows; firing twice, late or never changes nothing but the time.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Seconds between wake-ups.
app.conf.beat_schedule = {
    "send the mails that wait": {"task": "mail.sweep_outbox", "schedule": 10.0},
    "work off Stripe's events": {"task": "orders.sweep_webhook_events", "schedule": 10.0},
    "charge the refills that are due": {"task": "orders.dispatch_due_refills", "schedule": 15.0},
    "plan the coming refills": {"task": "orders.plan_refills", "schedule": 15.0},
    "ask Stripe about silent payments": {"task": "orders.reconcile", "schedule": 60.0},
    "compare the books, once a night": {"task": "orders.audit_books", "schedule": 900.0},
    "copy payouts": {"task": "orders.sync_payouts", "schedule": 21600.0},
    "release expired holds": {"task": "catalog.release_expired_holds", "schedule": 60.0},
    "take aged lots off sale": {"task": "catalog.age_out_lots", "schedule": 3600.0},
    "publish scheduled articles": {"task": "content.publish_due", "schedule": 30.0},
}
