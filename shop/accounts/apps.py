from importlib import import_module

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "shop.accounts"
    label = "accounts"

    def ready(self) -> None:
        import_module("shop.accounts.receivers")
        roles = import_module("shop.accounts.roles")
        # Once all apps have their permissions: after the last app that has models at all.
        last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
        post_migrate.connect(roles.write_permissions, sender=last, dispatch_uid="accounts.write_permissions")
