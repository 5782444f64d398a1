"""Settings of the tests: real PostgreSQL, Valkey and devstripe, addressed by the environment."""

from urllib.parse import urlsplit

from shop.settings.base import *
from shop.settings.base import INSTALLED_APPS, caches, database
from shop.settings.environment import env

DEBUG = False
SECRET_KEY = "tests-sign-nothing-that-matters"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [*INSTALLED_APPS, "shop.devstripe"]

DATABASES = {"default": database(env.str("DATABASE_URL", "postgres://shop@127.0.0.1:1/shop"))}
# Threads of a race test close their connections themselves; a pool would keep the test database busy.
DATABASES["default"]["OPTIONS"].pop("pool")
# Each worker of pytest has a Redis database of its own, as pytest-django gives it one of PostgreSQL.
_redis = urlsplit(env.str("REDIS_URL", "redis://127.0.0.1:1/0"))
_worker = int(env.str("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
REDIS_URL = _redis._replace(path=f"/{int(_redis.path.strip('/') or 0) + _worker}").geturl()
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "sk_test_devstripe")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", "pk_test_devstripe")
STRIPE_WEBHOOK_SECRETS = ["whsec_tests_current", "whsec_tests_previous"]

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DEFAULT_FROM_EMAIL = "orders@shop.example"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "originals": {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {"base_url": None}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
BASE_URL = "http://testserver"
RATE_LIMIT_SCALE = 1000.0
MAIL_PAGE_ENABLED = True

env.seal()
