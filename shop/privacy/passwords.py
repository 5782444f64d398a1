"""Asking for the password once more before something that cannot be undone."""

from shop.accounts.models import User
from shop.api import limits
from shop.api.limits import Limit
from shop.exceptions import InvalidInput


def check(user: User, password: str) -> None:
    """Refuse a wrong password; count it.

    :raises InvalidInput: naming the field. :raises TooManyRequests: after too many.
    """
    tried = Limit("password_per_account", f"user:{user.pk}")
    limits.spend(tried)
    if not user.check_password(password):
        said = {"password": ["That is not your password."]}
        raise InvalidInput("That is not your password.", fields=said)
    limits.give_back(tried)
