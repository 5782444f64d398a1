"""Accounts by e-mail: how django-allauth behaves here. Its limits are ours, see LIMITS."""

ACCOUNT_ADAPTER = "shop.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "product-list"
# The library counts in the cache, which may lose its counts: ours are in LIMITS, see shop.accounts.limits.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {
    "login": "shop.storefront.account.forms.OurLoginForm",
    "signup": "shop.storefront.account.forms.OurSignupForm",
    "add_email": "shop.storefront.account.forms.OurEmailForm",
    "change_password": "shop.storefront.account.forms.OurPasswordForm",
    "reauthenticate": "shop.storefront.account.forms.OurReauthenticateForm",
    "reset_password": "shop.storefront.account.forms.OurResetForm",
    "reset_password_from_key": "shop.storefront.account.forms.OurNewPasswordForm",
}
MFA_FORMS = {
    "authenticate": "shop.storefront.account.forms.OurCodeForm",
    "activate_totp": "shop.storefront.account.forms.OurTotpForm",
}
MFA_ADAPTER = "shop.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# Nobody gets as far as a second factor without a confirmed address; changing it must stay possible.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# A phone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1
# Without a second factor nobody enters the admin: on in production settings.
STAFF_MFA_REQUIRED = False
