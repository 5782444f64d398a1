"""System checks about payments: no keys, or keys of the wrong mode, must not reach a deployment."""

from django.conf import settings
from django.core import checks as django_checks


def payment_keys(app_configs: object, **kwargs: object) -> list[django_checks.CheckMessage]:
    """Return errors for missing or mixed Stripe keys (run by `check --deploy`)."""
    problems: list[django_checks.CheckMessage] = []
    if not settings.STRIPE_SECRET_KEY or not settings.STRIPE_WEBHOOK_SECRETS:
        problems.append(
            django_checks.Error(
                "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRETS are not both set: checkout is refused.",
                hint="Take the keys from Stripe's dashboard and set both variables.",
                id="shop.E001",
            )
        )
    secret_is_live = "_live_" in settings.STRIPE_SECRET_KEY
    publishable_is_live = "_live_" in settings.STRIPE_PUBLISHABLE_KEY
    if settings.STRIPE_SECRET_KEY and secret_is_live != publishable_is_live:
        problems.append(
            django_checks.Error(
                "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY belong to different modes.",
                hint="Use two live keys or two test keys.",
                id="shop.E002",
            )
        )
    return problems


def register() -> None:
    """Make the checks known to `manage.py check --deploy`."""
    django_checks.register(payment_keys, "payments", deploy=True)
