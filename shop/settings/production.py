"""Settings of a deployment that takes real money. Everything secret comes from the environment."""

from shop.settings.base import *
from shop.settings.base import caches, database, file_stores
from shop.settings.email import email_settings
from shop.settings.environment import BASE_DIR, env

DEBUG = False
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
BASE_URL = env.str("BASE_URL").rstrip("/")
DEPLOYMENT_NAME = env.str("DEPLOYMENT_NAME")

DATABASES = {"default": database(env.str("DATABASE_URL"))}
REDIS_URL = env.str("REDIS_URL")
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL

vars().update(email_settings(env, "smtp://localhost:25"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")

MEDIA_ROOT = env.str("MEDIA_ROOT", "") or str(BASE_DIR / "media")
ORIGINALS_ROOT = env.str("ORIGINALS_ROOT", "") or str(BASE_DIR / "originals")
STORAGES = file_stores(MEDIA_ROOT, ORIGINALS_ROOT, "whitenoise.storage.CompressedManifestStaticFilesStorage")
MAIL_PAGE_ENABLED = False
STAFF_MFA_REQUIRED = True
STRIPE_LIVE_KEYS_ALLOWED = True

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", False) else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

env.seal()
