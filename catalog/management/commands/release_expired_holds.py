"""Releases holds whose time is over, without waiting for the next sweep."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog import inventory
from shop.clock import reading


class Command(BaseCommand):
    help = "Release stock holds that have expired."

    def handle(self, *args: Any, **options: Any) -> None:
        released = inventory.release_expired(at=reading.now())
        self.stdout.write(f"Released {released} expired {'hold' if released == 1 else 'holds'}.")
