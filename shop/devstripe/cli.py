"""The options of `python -m shop.devstripe` and of `manage.py devstripe`."""

from __future__ import annotations

import argparse

from .server import Server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options on a parser."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420, help="0 picks a free one")
    parser.add_argument("--store", required=True, help="the SQLite file that outlives a restart, or :memory:")
    parser.add_argument("--webhook-url", help="where events are delivered")
    parser.add_argument("--webhook-secret", help="the whsec_… they are signed with")
    parser.add_argument("--public-url", help="the address browsers reach this process at")


def run(
    *,
    host: str,
    port: int,
    store: str,
    webhook_url: str | None,
    webhook_secret: str | None,
    public_url: str | None,
) -> None:
    """Serve until told to stop."""
    Server(
        host, port, store, webhook_url=webhook_url, webhook_secret=webhook_secret, public_url=public_url
    ).run()


def main(argv: list[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m shop.devstripe", description=__doc__)
    add_arguments(parser)
    run(**vars(parser.parse_args(argv)))
