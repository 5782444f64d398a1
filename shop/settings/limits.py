"""How often, and for how long: limits against abuse, and how long what nobody needs is kept."""

from datetime import timedelta

from shop.settings.environment import env

# Multiplies every rate limit: a test host that sends many requests from one address raises it.
RATE_LIMIT_SCALE = env.float("RATE_LIMIT_SCALE", 1.0)
# How often, in how many seconds. What protects cards never fails open: see shop.api.limits.
LIMITS = {
    "back_in_stock_per_ip": (20, 3600),
    "back_in_stock_per_email": (5, 86400),
    "checkout_per_ip": (20, 3600),
    "checkout_per_cart": (10, 3600),
    "checkout_per_email": (10, 3600),
    "payment_per_ip": (60, 3600),
    "payment_per_order": (10, 3600),
    "declines_per_ip": (10, 3600),
    "declines_per_order": (5, 3600),
    "withdrawals_per_ip": (20, 3600),
    "withdrawals_per_email": (10, 3600),
    # Only wrong passwords and codes stay counted; a right one gives its count back.
    "login_per_account": (10, 900),
    "login_per_ip": (15, 900),
    "code_per_account": (10, 900),
    "signup_per_ip": (20, 3600),
    "account_mail_per_address": (5, 3600),
    "account_mail_per_ip": (20, 3600),
    "account_key_per_ip": (30, 3600),
    "password_per_account": (10, 900),
    "card_setup_per_account": (10, 3600),
    "card_setup_per_ip": (20, 3600),
    "codes_per_ip": (30, 3600),
    "codes_per_cart": (15, 3600),
    "export_per_account": (20, 3600),
    "refill_link_per_ip": (20, 3600),
    "refill_link_per_email": (5, 3600),
    "refill_changes_per_holder": (60, 3600),
}
# How long what nobody needs is kept: see shop.privacy.retention. What has rules of its own (requests for
# stock, idempotency keys) forgets by itself.
RETENTION = {
    "carts": timedelta(days=env.int("KEEP_CARTS_DAYS", 90)),
    "session_records": timedelta(days=env.int("KEEP_SESSION_RECORDS_DAYS", 90)),
    "webhook_payloads": timedelta(days=env.int("KEEP_WEBHOOK_PAYLOADS_DAYS", 90)),
    "mails": timedelta(days=env.int("KEEP_MAILS_DAYS", 730)),
    "erasure_mails": timedelta(days=30),
    "ip_addresses": timedelta(days=env.int("KEEP_IP_ADDRESSES_DAYS", 730)),
}
# Full years that orders and invoices keep their buyer, by country of delivery: tax law, and it changes.
RETENTION_YEARS = {"GB": 6, "US": 7, "*": 10}
