"""The project as an app: loads Celery wherever Django is loaded, and holds the project's own checks."""

from django.apps import AppConfig

from shop import celery, checks


class ShopConfig(AppConfig):
    name = "shop"
    label = "shop"

    def ready(self) -> None:
        celery.app.set_default()
        checks.register()
