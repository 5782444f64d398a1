"""Settings shared by every deployment. The environment is read here and in the files beside this one only."""

from datetime import timedelta
from typing import Any

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.templatetags.static import static
from redis.backoff import NoBackoff
from redis.retry import Retry

from shop.settings.accounts import *
from shop.settings.environment import BASE_DIR, env
from shop.settings.limits import *
from shop.settings.logs import *
from shop.settings.stripe import *

# --- who we are -------------------------------------------------------------------------------------------
SHOP_NAME = env.str("SHOP_NAME", "Stillwater Magnesium")
BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000").rstrip("/")
# Names the deployment that this database belongs to. A dump restored elsewhere carries the old name and
# charges nobody and writes to nobody: see orders.subscriptions.guards.
DEPLOYMENT_NAME = env.str("DEPLOYMENT_NAME", "local")
STAFF_ALERT_EMAILS = env.list("STAFF_ALERT_EMAILS", ["staff@shop.example"])

# Mails that may turn false while they wait, by kind: asked with the message and the time just before it is
# sent; what answers False is put aside.
MAIL_LAST_LOOKS = {
    "back_in_stock": "catalog.back_in_stock.is_still_true",
    "price_rise": "orders.subscriptions.repricing.is_still_true",
    "refill_upcoming": "orders.subscriptions.notices.is_still_true",
}
# Returns rows that hold back every mail while there are any: whose database this is, if it is not ours.
MAIL_HELD_BACK_BY = "orders.subscriptions.guards.other_owners"

# --- Django -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "shop.apps.ShopConfig",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prose_editor",
    "csp",
    "pgtrigger",
    "pghistory",
    "shop.clock",
    "shop.mail",
    "shop.api",
    "shop.accounts",
    "shop.storefront",
    "shop.backoffice",
    "shop.privacy",
    "catalog",
    "orders",
    "content",
    "shop.history",
    # After ours: where we have a template of the same name, ours is taken.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
]

MIDDLEWARE = [
    "shop.api.middleware.OptionalTrailingSlash",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.storefront.policy.ContentPolicy",
    "shop.api.middleware.OtherOrigins",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "shop.history.middleware.NamedChanges",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.storefront.context.storefront",
            ],
        },
    },
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account"

LANGUAGE_CODE = "en-gb"
# The languages that mails have words in; another locale's mails speak LANGUAGE_CODE, dates included.
LANGUAGES = [("en-gb", "English")]
LOCALE_PATHS = [BASE_DIR / "shop" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["shop.formats"]
SHOP_TIME_ZONE = env.str("SHOP_TIME_ZONE", "Europe/London")

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

MEDIA_URL = "media/"
# Of an upload. Phones take pictures of 12 to 50 million pixels; each takes three bytes while it is drawn.
IMAGE_MAX_BYTES = 15 * 1024 * 1024
IMAGE_MAX_PIXELS = 50_000_000


def file_stores(public: str, private: str, staticfiles: str) -> dict:
    """Return Django's STORAGES: files that visitors may load, uploads that they may not, static files."""
    backend = "django.core.files.storage.FileSystemStorage"
    return {
        "default": {"BACKEND": backend, "OPTIONS": {"location": public}},
        "originals": {"BACKEND": backend, "OPTIONS": {"location": private, "base_url": None}},
        "staticfiles": {"BACKEND": staticfiles},
    }


DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- data stores ------------------------------------------------------------------------------------------
LOCK_TIMEOUT_MS = 3000
# A pool whose database is away asks again after 1, 2, 4 … 128 seconds, and nobody has a connection before
# that, though the database be back. Once it gives up, the next who wants a connection asks at once.
RECONNECT_FOR_S = 5


def database(url: str) -> dict:
    """Return Django's DATABASES entry for a PostgreSQL URL, with a psycopg pool and a lock timeout."""
    options = {
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", 12),
            "timeout": 10,
            "reconnect_timeout": RECONNECT_FOR_S,
        },
        "options": f"-c lock_timeout={LOCK_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000"
        # What a worker holds is free a minute after its machine has gone: see shop.alive.
        " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
    }
    parsed = dj_database_url.parse(url)
    # A connection that was cut in the pool is noticed before it is used.
    kept = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
    return {**parsed, **kept, "OPTIONS": options}


REDIS_SOCKET_TIMEOUT_S = 0.5


def caches(redis_url: str) -> dict:
    """Return Django's CACHES for reads that may be lost; limits and dates never live here."""
    return {
        "default": {
            "BACKEND": "shop.api.cache.KeptCache",
            "LOCATION": redis_url,
            "OPTIONS": {
                "socket_connect_timeout": REDIS_SOCKET_TIMEOUT_S,
                "socket_timeout": REDIS_SOCKET_TIMEOUT_S,
                # One try: the library's own retries would multiply the time-out.
                "retry": Retry(NoBackoff(), 0),
            },
        }
    }


# --- Celery -----------------------------------------------------------------------------------------------
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Publishing a wake-up may cost a request at most about a second when Redis is gone: the row is swept later.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": REDIS_SOCKET_TIMEOUT_S,
    "socket_timeout": 5.0,
    "visibility_timeout": 600,
    # A publisher gives up after one try; a worker starts over by itself.
    "max_retries": 0,
}

# --- the shop's own rules -----------------------------------------------------------------------------------
HOLD_FOR = timedelta(minutes=15)
SUPPORTED_CURRENCIES = ["GBP", "EUR", "USD"]
DEFAULT_CURRENCY = "GBP"
DEFAULT_COUNTRY = "GB"
REFILL_REMINDER_DAYS = 5
REFILL_REMINDER_DAYS_SHORT = 2
# How often the owner of a refill is reminded of its terms, by country: California wants it once a year.
REFILL_TERMS_EVERY_DAYS = {"US": 365, "GB": 365}
REFILL_TERMS_EVERY_DAYS_ELSEWHERE = 365
REFILL_NOTICE_FOR = timedelta(hours=48)
REFILLS_ENABLED = env.bool("REFILLS_ENABLED", True)
TERMS_VERSION = "2026-11"
# Where parcels leave from: what crosses a customs border needs a customs form.
SHIPS_FROM_COUNTRY = env.str("SHIPS_FROM_COUNTRY", "GB")
# Carriers that staff choose from, and where their customers follow a parcel.
CARRIERS = {
    "Royal Mail": "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    "DHL": "https://www.dhl.com/en/express/tracking.html?AWB={number}",
    "UPS": "https://www.ups.com/track?tracknum={number}",
    "USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
}
# Who knows tax rates: see orders.taxes.TaxService.
TAX_SERVICE = "orders.taxes.RateRows"
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
SIGNED_LINK_MAX_AGE = timedelta(days=180)
# Links in mails about refills change what is charged: they age sooner, and a fresh one is a mail away.
REFILL_LINK_MAX_AGE = timedelta(days=60)
CLOCK_CAN_MOVE = False

# --- API ----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "shop.accounts.api.tokens.SessionToken",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["shop.api.permissions.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["shop.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shop.api.pagination.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "shop.api.schema.ShopSchema",
    "DEFAULT_THROTTLE_CLASSES": ["shop.api.throttles.BurstThrottle"],
    "DEFAULT_FILTER_BACKENDS": [],
    # Nothing to tell a browser that asks: the document says it all, and CORS is answered before.
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "shop.api.errors.problem_handler",
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
# Origins of other front ends, with their scheme. They send a token: cookies never cross to another origin.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
API_MAX_BODY_BYTES = 256 * 1024
API_MAX_JSON_DEPTH = 32

API_DESCRIPTION = f"""Products, carts, checkout, orders, refills and articles of the shop.

Money is in minor units. Lists come in cursor pages. Every refusal is a problem document with a stable `code`.
A field that is not listed is refused. Whatever must not happen twice takes an `Idempotency-Key`.

**From a cart to a paid order.** Create a cart, add lines, set e-mail, `shipping_address` and
`shipping_method`, then check out with `expected_total` (the cart's `totals.total.amount`) and the consents.
The answer holds the order, its `token` (send it as `Authorization: OrderToken …`; a cart needs only its
id) and `payment`.

**Paying.** Load stripe.js from `{STRIPE_JS_URL}` (on a local stack: our double's stand-in) and call it as at
Stripe: `Stripe(payment.publishable_key).elements({{clientSecret: payment.client_secret}})`, mount a `payment`
element, then `confirmPayment`. Test card: 4242 4242 4242 4242, any date to come, any code;
4000 0000 0000 0002 is declined. A webhook settles the order; `POST orders/{{reference}}/refresh` does not
wait for it.

**Signing in.** `auth/app/signup`, `auth/app/email/verify` with the key of the mail's link, `auth/app/login`;
from then on send `meta.session_token` as `X-Session-Token`, to the cart too (`auth/browser/…`: a cookie).

**Refills.** Give a line `refill` (`{{"unit": "week", "count": 4}}`) and check out with the consent `refill`.
Once the order is paid, `GET subscriptions` lists it for its account; its address takes skip, swap, pause and
the rest. A guest has none here: signed links in the mails do the same.
"""

SPECTACULAR_SETTINGS = {
    "TITLE": f"{SHOP_NAME} API",
    "DESCRIPTION": API_DESCRIPTION,
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "shop.accounts.api.schema.add_operations",
    ],
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "orders.models.Order.Status",
        "PaymentStatus": "orders.models.Order.PaymentStatus",
        "FulfilmentStatus": "orders.models.Order.FulfilmentStatus",
        "SubscriptionStatus": "orders.models.Subscription.Status",
        "DocumentKind": "orders.models.InvoiceSeries.Kind",
        "RefillStatus": "orders.models.Refill.Status",
        "RefillUnit": "orders.models.cart.RefillUnit",
        "ProductKind": "catalog.models.Product.Kind",
        "Availability": "catalog.api.representations.BEST_FIRST",
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "OrderToken": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`OrderToken …`: the word, a space, and the `token` that the checkout gave.",
            }
        }
    },
}

# --- security -----------------------------------------------------------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "shop.storefront.errors.csrf_failed"
# Every page is this strict; shop.storefront.policy says which few may do more.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- import and export --------------------------------------------------------------------------------------
# The library's own formats. catalog.sheets does more: no cell that it writes begins like a formula.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True

# --- admin --------------------------------------------------------------------------------------------------
# The storefront's sea green, #3b6a66, from pale to dark.
SEA_GREEN = {
    "50": "#f1f7f5",
    "100": "#dfebe7",
    "200": "#c1d8d2",
    "300": "#98bdb5",
    "400": "#6b9b93",
    "500": "#4d7f78",
    "600": "#3b6a66",
    "700": "#315653",
    "800": "#2a4644",
    "900": "#253b39",
    "950": "#132221",
}
UNFOLD = {
    "SITE_TITLE": SHOP_NAME,
    "SITE_HEADER": SHOP_NAME,
    "SITE_SYMBOL": "spa",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/art/mark.svg")}
    ],
    "COLORS": {"primary": SEA_GREEN},
    "DASHBOARD_CALLBACK": "shop.backoffice.dashboard.show",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": False, "navigation": "shop.navigation.sidebar"},
}
