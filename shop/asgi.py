"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

from shop import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")

application = get_asgi_application()
# A server runs no system checks.
checks.refuse_wrong_keys()
