from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "shop.history"
    label = "history"
