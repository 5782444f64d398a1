"""Stripe keys of the wrong kind or mode stop every process at its start, in words."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from shop import checks

TEST, LIVE = ("sk_test_1", "pk_test_1"), ("sk_live_1", "pk_live_1")


def found(settings: Any, keys: tuple[str, str], *, live_allowed: bool) -> list[str | None]:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_PUBLISHABLE_KEY = keys
    settings.STRIPE_LIVE_KEYS_ALLOWED = live_allowed
    return [problem.id for problem in checks.keys_fit()]


@pytest.mark.parametrize(
    ("keys", "live_allowed", "problems"),
    [
        (TEST, False, []),
        (TEST, True, []),
        (LIVE, True, []),
        (("", ""), False, []),
        (("sk_test_1", ""), False, []),
        (LIVE, False, ["shop.E005"]),
        (("sk_live_1", "pk_test_1"), True, ["shop.E002"]),
        (("sk_test_1", "pk_live_1"), True, ["shop.E002"]),
        (("rk_test_1", "pk_test_1"), False, ["shop.E003"]),
        (("pk_test_1", "pk_test_1"), False, ["shop.E003"]),
        (("sk_test_1", "sk_test_1"), False, ["shop.E004"]),
        (("whatever", "pk_test_1"), False, ["shop.E003"]),
    ],
)
def test_keys_fit_or_are_refused(
    settings: Any, keys: tuple[str, str], live_allowed: bool, problems: list[str]
) -> None:
    assert found(settings, keys, live_allowed=live_allowed) == problems


def test_a_refusal_names_the_key_and_never_shows_it(settings: Any) -> None:
    found(settings, ("rk_test_very_secret", "pk_test_1"), live_allowed=False)

    with pytest.raises(ImproperlyConfigured) as refusal:
        checks.refuse_wrong_keys()

    assert "STRIPE_SECRET_KEY" in str(refusal.value)
    assert "very_secret" not in str(refusal.value)


@pytest.mark.parametrize("deploy", [False, True])
def test_every_command_refuses_live_keys_with_settings_for_test_money(settings: Any, deploy: bool) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_PUBLISHABLE_KEY = LIVE

    with pytest.raises(SystemCheckError, match=r"shop\.E005"):
        call_command("check", tags=["payments"], deploy=deploy)


def test_a_deployment_without_keys_is_refused(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = settings.STRIPE_PUBLISHABLE_KEY = ""

    call_command("check", tags=["payments"])
    with pytest.raises(SystemCheckError, match=r"shop\.E001"):
        call_command("check", tags=["payments"], deploy=True)


@pytest.mark.parametrize(
    "argv",
    [
        ["-m", "gunicorn", "shop.wsgi:application", "--check-config"],
        ["-c", "import shop.asgi"],
        ["-m", "celery", "-A", "shop.celery", "worker", "--pool", "solo"],
        ["-m", "celery", "-A", "shop.celery", "beat", "--schedule", "{folder}/schedule"],
        ["manage.py", "runserver", "127.0.0.1:0", "--noreload"],
        ["manage.py", "reconcile"],
    ],
    ids=["gunicorn", "asgi", "worker", "beat", "runserver", "a command"],
)
def test_no_process_starts_with_a_wrong_key(argv: list[str], tmp_path: Path) -> None:
    """Beat deletes a schedule that it cannot read, and opens it before anything can stop it: so it gets a file of
    its own, never a device such as /dev/null.
    """
    argv = [part.format(folder=tmp_path) for part in argv]
    keys = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}
    environment = {**os.environ, **keys, "DJANGO_SETTINGS_MODULE": "shop.settings.test"}

    process = subprocess.run(
        [sys.executable, *argv], env=environment, cwd=django_settings.BASE_DIR, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip

    assert process.returncode != 0
    assert "shop.E005" in process.stdout + process.stderr
