"""Makes `manage.py devstripe` known to Django; devstripe itself needs none of it."""

from django.apps import AppConfig


class DevstripeConfig(AppConfig):
    """No models: the store is devstripe's own file."""

    name = "shop.devstripe"
    label = "devstripe"
