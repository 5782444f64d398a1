"""The cache as the shop uses it: a lost read costs a query, and a claim is never lost."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from shop.api import limits

_GONE = (RedisError, OSError)


class KeptCache(RedisCache):
    """Redis for what may be lost. `add` claims a name for a while, in PostgreSQL: whoever asks by it (a code
    that is taken once) relies on the answer.
    """

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return limits.claim(str(key), int(seconds or 86_400))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except _GONE:
            return default

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        try:
            super().set(key, value, timeout, version)
        except _GONE:
            return

    def delete(self, key: Any, version: int | None = None) -> bool:
        try:
            return super().delete(key, version)
        except _GONE:
            return False
