"""Addresses of refills under /api/v1/."""

from django.urls import path

from orders.api import refills, subscription_verbs, subscriptions

urlpatterns = [
    path("subscriptions", subscriptions.SubscriptionListView.as_view(), name="subscription-list"),
    path("subscriptions/<str:reference>", subscriptions.SubscriptionView.as_view(), name="subscription"),
    *subscription_verbs.urlpatterns,
    path("refills/<str:reference>", refills.RefillView.as_view(), name="refill"),
    path("refills/<str:reference>/items", refills.RefillItemsView.as_view(), name="refill-items"),
    path("refills/<str:reference>/items/<str:item>", refills.RefillItemView.as_view(), name="refill-item"),
]
