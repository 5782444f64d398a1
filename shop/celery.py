"""Celery: the app. Its timetable is CELERY_BEAT_SCHEDULE in the settings.

Each entry only wakes a sweep over rows; firing twice, late or never changes nothing but the time.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
