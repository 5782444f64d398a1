"""Drills: the shop is broken on purpose, on servers that are thrown away."""

import os
from collections.abc import Sequence

from shop.devstack import checks, supervisor
from shop.devstack.processes import foreground
from shop.devstack.servers import throwaway_folder
from shop.devstack.virtualenv import VirtualEnvironment


def chaos(venv: VirtualEnvironment, arguments: Sequence[str]) -> int:
    """Run the payment drill of `tests.chaos` and return its exit code; its logs stay in .local/chaos."""
    caller = checks.tests_environment(os.environ)
    with (
        supervisor.until_stopped(),
        throwaway_folder() as folder,
        checks.throwaway_servers(venv, caller, folder) as servers,
    ):
        return foreground([str(venv.python), "-m", "tests.chaos", *arguments], servers.env)
    return 130
