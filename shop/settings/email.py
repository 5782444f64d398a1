"""EMAIL_URL as Django's EMAIL_* settings."""

from environs import Env


def email_settings(env: Env, default: str) -> dict[str, object]:
    """Return the EMAIL_* settings of `EMAIL_URL`, for example smtp://host:25 or file:///var/mail/shop.

    The path of a `file:` URL is absolute, as in every other URL; dj-email-url would drop its first slash.
    """
    parsed = env.dj_email_url("EMAIL_URL", default)
    chosen = {key: value for key, value in parsed.items() if key.startswith("EMAIL_") and value is not None}
    if parsed.get("EMAIL_BACKEND", "").endswith("filebased.EmailBackend"):
        chosen["EMAIL_FILE_PATH"] = "/" + parsed["EMAIL_FILE_PATH"].lstrip("/")
    chosen.setdefault("EMAIL_TIMEOUT", 10)
    return chosen
