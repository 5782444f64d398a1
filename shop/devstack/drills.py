"""Drills and benchmarks: long runs of modules of `tests`, on servers that are thrown away."""

import os
from collections.abc import Sequence

from shop.devstack import checks, supervisor
from shop.devstack.processes import foreground
from shop.devstack.servers import throwaway_folder
from shop.devstack.virtualenv import VirtualEnvironment

# what the command line calls them
MODULES = {
    "chaos": "tests.chaos",
    "chaos-refills": "tests.chaos.refills",
    "bench-inventory": "tests.bench.inventory",
    "bench-orders": "tests.bench.orders",
    "bench-refills": "tests.bench.refills",
}


def run(venv: VirtualEnvironment, name: str, arguments: Sequence[str]) -> int:
    """Run one of `MODULES` and return its exit code; what a drill logs stays in .local."""
    caller = checks.tests_environment(os.environ)
    with (
        supervisor.until_stopped(),
        throwaway_folder() as folder,
        checks.throwaway_servers(venv, caller, folder) as servers,
    ):
        return foreground([str(venv.python), "-m", MODULES[name], *arguments], servers.env)
    return 130
