"""The local stack: PostgreSQL, Valkey, devstripe, web, worker and beat, started and supervised.

Standard library only, and nothing of ours is imported: it runs before anything is installed.
Never used in production.
"""
