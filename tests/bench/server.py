"""The PostgreSQL that a benchmark ran on, in words: a figure counts only with it."""

from django.db import connection


def described(*settings: str) -> str:
    """Return the server's version, and how these settings of it stand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT split_part(version(), ' on ', 1)")
        (version,) = cursor.fetchone()
        stand = []
        for name in settings:
            cursor.execute("SELECT current_setting(%s)", [name])
            stand.append(f"{name} {cursor.fetchone()[0]}")
    return f"{version} ({', '.join(stand)})"


def size() -> str:
    """Return how large the database is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        return cursor.fetchone()[0]
