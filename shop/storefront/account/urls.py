"""Addresses of the customer's own pages. The names are the library's, which looks its pages up by them."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.usersessions import views as usersessions
from django.urls import path, re_path

from shop.storefront.account import addresses, cards, home, privacy
from shop.storefront.account.doors import forgetting_cart, guarded

urlpatterns = [
    path("account", home.show, name="account"),
    path("account/privacy", privacy.show, name="account-privacy"),
    path("account/privacy/my-data.json", privacy.download, name="account-export"),
    path("account/privacy/forget", privacy.forget, name="account-forget"),
    path("account/name", home.change_name, name="account-name"),
    path("account/orders", home.orders, name="account-orders"),
    path("account/addresses", addresses.show, name="account-addresses"),
    path("account/addresses/new", addresses.new, name="account-address-new"),
    path("account/addresses/<int:address_id>", addresses.edit, name="account-address"),
    path("account/addresses/<int:address_id>/remove", addresses.remove, name="account-address-remove"),
    path("account/cards", cards.show, name="account-cards"),
    path("account/cards/new", cards.new, name="account-card-new"),
    path("account/cards/return", cards.come_back, name="account-card-return"),
    path("account/cards/<str:card_id>/remove", cards.remove, name="account-card-remove"),
    path("account/login", guarded(account.login), name="account_login"),
    path("account/logout", forgetting_cart(account.logout), name="account_logout"),
    path("account/signup", guarded(account.signup, limit="signup"), name="account_signup"),
    path("account/inactive", account.account_inactive, name="account_inactive"),
    path("account/reauthenticate", guarded(account.reauthenticate), name="account_reauthenticate"),
    path("account/email", guarded(account.email, limit="email_change"), name="account_email"),
    path("account/confirm", account.email_verification_sent, name="account_email_verification_sent"),
    re_path(
        r"^account/confirm/(?P<key>[-:\w]+)\Z",
        guarded(account.confirm_email, limit="email_verify", every=True),
        name="account_confirm_email",
    ),
    path(
        "account/password",
        guarded(account.password_change, limit="password_change"),
        name="account_change_password",
    ),
    path("account/password/set", account.password_set, name="account_set_password"),
    path(
        "account/password/reset",
        guarded(account.password_reset, limit="password_request"),
        name="account_reset_password",
    ),
    path("account/password/reset/sent", account.password_reset_done, name="account_reset_password_done"),
    path(
        "account/password/reset/done",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)\Z",
        guarded(account.password_reset_from_key, limit="password_reset", every=True),
        name="account_reset_password_from_key",
    ),
    path("account/sessions", usersessions.list_usersessions, name="usersessions_list"),
    path("account/two-steps", mfa.index, name="mfa_index"),
    path("account/two-steps/code", guarded(mfa.authenticate, limit="code"), name="mfa_authenticate"),
    path("account/two-steps/again", guarded(mfa.reauthenticate, limit="code"), name="mfa_reauthenticate"),
    path("account/two-steps/app", guarded(totp.activate_totp, limit="code"), name="mfa_activate_totp"),
    path("account/two-steps/app/remove", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/two-steps/codes", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/two-steps/codes/new",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/two-steps/codes/download",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
