"""WSGI entry point, served by gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

from shop import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")

application = get_wsgi_application()
# A server runs no system checks.
checks.refuse_wrong_keys()
