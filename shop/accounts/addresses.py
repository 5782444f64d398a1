"""The addresses that a customer keeps, at most one of them the default. Orders copy them."""

from collections.abc import Mapping

from django.db import transaction

from shop.accounts.models import Address, User
from shop.exceptions import Conflict, NotFound

FIELDS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")
MAX_ADDRESSES = 20


class TooManyAddresses(Conflict):
    code = "too_many_addresses"
    title = "The address book is full"


class AddressNotFound(NotFound):
    code = "address_not_found"
    title = "There is no such address"


@transaction.atomic(durable=True)
def add(user: User, fields: Mapping[str, str], *, is_default: bool = False) -> Address:
    """Keep an address. The first one is the default.

    :raises TooManyAddresses: beyond `MAX_ADDRESSES`.
    """
    kept = _lock_book(user)
    if kept >= MAX_ADDRESSES:
        raise TooManyAddresses(f"An account keeps at most {MAX_ADDRESSES} addresses. Remove one first.")
    is_default = is_default or not kept
    if is_default:
        _clear_default(user)
    return Address.objects.create(user=user, is_default=is_default, **_cleaned(fields))


@transaction.atomic(durable=True)
def change(
    user: User, address_id: int, fields: Mapping[str, str], *, is_default: bool | None = None
) -> Address:
    """Change the named fields of an address, or make it the default (True); another one takes that over.

    :raises NotFound: for an address that is not this user's.
    """
    _lock_book(user)
    address = find(user, address_id)
    changes = _cleaned(fields)
    for name, value in changes.items():
        setattr(address, name, value)
    if is_default and not address.is_default:
        _clear_default(user)
        address.is_default = True
    address.save(update_fields=[*changes, "is_default"])
    return address


@transaction.atomic(durable=True)
def remove(user: User, address_id: int) -> None:
    """Forget an address. If it was the default, the newest of the others is the default then.

    :raises NotFound: for an address that is not this user's.
    """
    _lock_book(user)
    address = find(user, address_id)
    address.delete()
    heir = Address.objects.filter(user=user).order_by("-pk").first() if address.is_default else None
    if heir is not None:
        heir.is_default = True
        heir.save(update_fields=["is_default"])


def find(user: User, address_id: int) -> Address:
    """Return one of a user's own addresses.

    :raises NotFound: for one that is not theirs, in the same words as for none at all.
    """
    address = Address.objects.filter(user=user, pk=address_id).first()
    if address is None:
        raise AddressNotFound("You have no such address.")
    return address


def default_in(user: User, country: str) -> dict[str, str]:
    """Return the address that a user wants used first, if it is in this country; else nothing."""
    row = Address.objects.filter(user=user, country=country, is_default=True).first()
    return as_dict(row) if row is not None else {}


def as_dict(address: Address) -> dict[str, str]:
    """Return an address in the shape that carts and orders keep."""
    return {name: getattr(address, name) for name in FIELDS}


def _lock_book(user: User) -> int:
    """Lock the user's row: two changes cannot make two defaults. Return how many addresses there are."""
    User.objects.select_for_update().only("pk").get(pk=user.pk)
    return Address.objects.filter(user=user).count()


def _clear_default(user: User) -> None:
    Address.objects.filter(user=user, is_default=True).update(is_default=False)


def _cleaned(fields: Mapping[str, str]) -> dict[str, str]:
    found = {name: " ".join(str(fields[name]).split()) for name in FIELDS if name in fields}
    for name in ("country", "postal_code"):
        if name in found:
            found[name] = found[name].upper()
    return found
