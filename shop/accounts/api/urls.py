"""Addresses of the account under /api/v1/."""

from allauth.headless.constants import Client
from django.urls import path

from shop.accounts.api import me
from shop.accounts.api.door import view_of
from shop.accounts.api.operations import OPERATIONS

urlpatterns = [
    *(
        path(f"auth/{client.value}/{operation.path}", view_of(operation, client))
        for client in (Client.BROWSER, Client.APP)
        for operation in OPERATIONS
    ),
    path("me/addresses", me.AddressListView.as_view(), name="me-addresses"),
    path("me/addresses/<int:address_id>", me.AddressView.as_view(), name="me-address"),
]
