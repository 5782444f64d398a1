"""How Stripe is reached: which one, with whose keys, and how patiently."""

from shop.settings.environment import env

STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com").rstrip("/")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", "")
# Only production settings take live keys: see shop.checks.
STRIPE_LIVE_KEYS_ALLOWED = False
STRIPE_JS_URL = env.str("STRIPE_JS_URL", "https://js.stripe.com/endive/stripe.js")
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRETS", [])
STRIPE_WEBHOOK_TOLERANCE_S = 300
# At the till: short, one deadline, never retried. In the background: patient, retried.
STRIPE_TILL_TIMEOUTS_S = (
    env.float("STRIPE_TILL_CONNECT_TIMEOUT", 2.0),
    env.float("STRIPE_TILL_READ_TIMEOUT", 3.0),
)
# One customer's request in all, however many calls it takes and however slowly Stripe's bytes trickle.
STRIPE_TILL_DEADLINE_S = env.float("STRIPE_TILL_DEADLINE", 5.0)
STRIPE_BACKGROUND_TIMEOUTS_S = (
    env.float("STRIPE_BACKGROUND_CONNECT_TIMEOUT", 3.05),
    env.float("STRIPE_BACKGROUND_READ_TIMEOUT", 20.0),
)
STRIPE_BACKGROUND_RETRIES = env.int("STRIPE_BACKGROUND_RETRIES", 2)
STRIPE_BACKGROUND_RATE_PER_S = env.int("STRIPE_BACKGROUND_RATE_PER_S", 20)
