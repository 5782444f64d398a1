"""Checks about payments: keys of the wrong kind or mode stop every process at its start, no keys stop a
deployment.

`runserver` and every management command run the registered checks by themselves. gunicorn and Celery run
none, so `shop.wsgi`, `shop.asgi` and `shop.celery` call `refuse_wrong_keys`.
"""

from django.conf import settings
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured


def keys_fit(app_configs: object = None, **kwargs: object) -> list[django_checks.CheckMessage]:
    """Return errors for Stripe keys of the wrong kind, of two modes, or of a mode not meant for here."""
    secret, publishable = settings.STRIPE_SECRET_KEY, settings.STRIPE_PUBLISHABLE_KEY
    problems = []
    if secret and not secret.startswith(("sk_test_", "sk_live_")):
        problems.append(
            _error(
                "STRIPE_SECRET_KEY is not a secret key: it does not begin with sk_test_ or sk_live_.",
                "A restricted (rk_) or publishable (pk_) key cannot do what the shop needs.",
                "shop.E003",
            )
        )
    if publishable and not publishable.startswith(("pk_test_", "pk_live_")):
        problems.append(
            _error(
                "STRIPE_PUBLISHABLE_KEY is not a publishable key: browsers would be shown something else.",
                "It begins with pk_test_ or pk_live_. If a secret key stood there, roll it in the dashboard.",
                "shop.E004",
            )
        )
    if secret and ("_live_" in secret) != ("_live_" in publishable):
        problems.append(
            _error(
                "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY belong to different modes.",
                "Use two live keys or two test keys.",
                "shop.E002",
            )
        )
    if "_live_" in secret + publishable and not settings.STRIPE_LIVE_KEYS_ALLOWED:
        problems.append(
            _error(
                "Live Stripe keys with settings that are not for real money: sample data, a movable clock.",
                "Use test keys here, or DJANGO_SETTINGS_MODULE=shop.settings.production.",
                "shop.E005",
            )
        )
    return problems


def keys_are_there(app_configs: object, **kwargs: object) -> list[django_checks.CheckMessage]:
    """Return an error for missing Stripe keys, and a warning for test keys (run by `check --deploy`)."""
    if not settings.STRIPE_SECRET_KEY or not settings.STRIPE_WEBHOOK_SECRETS:
        return [
            _error(
                "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRETS are not both set: checkout is refused.",
                "Take the keys from Stripe's dashboard and set both variables.",
                "shop.E001",
            )
        ]
    if "_test_" in settings.STRIPE_SECRET_KEY:
        said = "Stripe's keys are test keys: orders are marked as tests and nobody is charged."
        return [django_checks.Warning(said, hint="Set live keys to take money.", id="shop.W001")]
    return []


def refuse_wrong_keys() -> None:
    """Stop a process that runs no checks of its own.

    :raises ImproperlyConfigured: naming every key that does not fit.
    """
    problems = keys_fit()
    if problems:
        raise ImproperlyConfigured(" ".join(f"({row.id}) {row.msg} {row.hint}" for row in problems))


def register() -> None:
    """Make the checks known to every command, and to `manage.py check --deploy`."""
    django_checks.register(keys_fit, "payments")
    django_checks.register(keys_are_there, "payments", deploy=True)


def _error(said: str, hint: str, code: str) -> django_checks.CheckMessage:
    return django_checks.Error(said, hint=hint, id=code)
