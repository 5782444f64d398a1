from django.apps import AppConfig


class ClockConfig(AppConfig):
    name = "shop.clock"
    label = "clock"
