"""Addresses of refills under /api/v1/."""

from django.urls import path

from orders.api import subscriptions

_ONE = "subscriptions/<str:reference>"

urlpatterns = [
    path("subscriptions", subscriptions.SubscriptionListView.as_view(), name="subscription-list"),
    path(_ONE, subscriptions.SubscriptionView.as_view(), name="subscription"),
    path(f"{_ONE}/skip", subscriptions.SkipView.as_view(), name="subscription-skip"),
    path(f"{_ONE}/unskip", subscriptions.UnskipView.as_view(), name="subscription-unskip"),
    path(f"{_ONE}/pause", subscriptions.PauseView.as_view(), name="subscription-pause"),
    path(f"{_ONE}/resume", subscriptions.ResumeView.as_view(), name="subscription-resume"),
    path(f"{_ONE}/change-quantity", subscriptions.ChangeQuantityView.as_view(), name="subscription-quantity"),
    path(f"{_ONE}/reschedule", subscriptions.RescheduleView.as_view(), name="subscription-reschedule"),
    path(f"{_ONE}/change-card", subscriptions.ChangeCardView.as_view(), name="subscription-card"),
    path(f"{_ONE}/change-address", subscriptions.ChangeAddressView.as_view(), name="subscription-address"),
    path(f"{_ONE}/cancel", subscriptions.CancelView.as_view(), name="subscription-cancel"),
    path("refills/<str:reference>", subscriptions.RefillView.as_view(), name="refill"),
]
