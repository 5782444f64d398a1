"""Settings of `make run`, `make demo` and a developer's shell: one machine, test money, a movable clock."""

import sys
import warnings

from shop.settings.email import email_settings
from shop.settings.environment import BASE_DIR, env

# Read before base.py reads its variables. The real environment wins over .env, and .env over the addresses
# that the stack started by `make run` leaves behind.
env.read_env(str(BASE_DIR / ".env"), recurse=False)
env.read_env(str(BASE_DIR / ".local" / "stack.env"), recurse=False)

if not env.str("DATABASE_URL", "") or not env.str("REDIS_URL", ""):
    sys.exit("No database: set DATABASE_URL and REDIS_URL, or start the local stack with `make run`.")

from shop.settings.base import *
from shop.settings.base import INSTALLED_APPS, caches, database, file_stores

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "local-only-and-not-a-secret-because-nothing-here-is-real")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["*"])
INSTALLED_APPS = [*INSTALLED_APPS, "shop.devstripe"]

DATABASES = {"default": database(env.str("DATABASE_URL"))}
REDIS_URL = env.str("REDIS_URL")
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL

vars().update(email_settings(env, f"file://{BASE_DIR / '.local' / 'mail'}"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "orders@shop.example")

MEDIA_ROOT = env.str("MEDIA_ROOT", "") or str(BASE_DIR / ".local" / "media")
ORIGINALS_ROOT = env.str("ORIGINALS_ROOT", "") or str(BASE_DIR / ".local" / "originals")
STORAGES = file_stores(MEDIA_ROOT, ORIGINALS_ROOT, "django.contrib.staticfiles.storage.StaticFilesStorage")
WHITENOISE_USE_FINDERS = True
# files come from their apps here, so nothing was collected
warnings.filterwarnings("ignore", message="No directory at: .*staticfiles")
CLOCK_CAN_MOVE = True
MAIL_PAGE_ENABLED = True

env.seal()
