"""The shop's own processes, as commands."""

import signal
from collections.abc import Mapping
from pathlib import Path

from shop.devstack.processes import Service
from shop.devstack.project import LOCAL, ROOT
from shop.devstack.virtualenv import VirtualEnvironment

# the order of the start; they stop before the servers do
NAMES = ("web", "worker", "beat")
# a worker finishes the tasks at hand before it ends
PATIENCE = {"web": 2.5, "worker": 3.0, "beat": 1.0}


def command(
    name: str, venv: VirtualEnvironment, env: Mapping[str, str], *, folder: Path = LOCAL
) -> list[str]:
    """Return the command line of web, worker or beat."""
    python = str(venv.python)
    if name == "web":
        bind = f"{env.get('HOST', '127.0.0.1')}:{env['PORT']}"
        size = ["--worker-class", "gthread", "--workers", "2", "--threads", "8"]
        # the tick of a gunicorn worker is a file: in memory it cannot stall behind a busy disk
        tick = ["--worker-tmp-dir", "/dev/shm"] if Path("/dev/shm").is_dir() else []
        stop = ["--graceful-timeout", "2", "--no-control-socket"]
        return [python, "-m", "gunicorn", "shop.wsgi:application", *size, *tick, *stop, "--bind", bind]
    celery = [python, "-m", "celery", "-A", "shop.celery", name, "--loglevel", "INFO"]
    if name == "worker":
        return [*celery, "--concurrency", env.get("WORKER_PROCESSES", "6")]
    return [*celery, "--schedule", str(folder / "beat-schedule"), "--pidfile="]


def manage(venv: VirtualEnvironment, *arguments: str) -> list[str]:
    """Return the command line of a management command."""
    return [str(venv.python), str(ROOT / "manage.py"), *arguments]


def service(name: str, venv: VirtualEnvironment, env: Mapping[str, str], log: Path) -> Service:
    """Return web, worker or beat as a child to start."""
    return Service(
        name, command(name, venv, env), env, log, stop_signal=signal.SIGTERM, patience=PATIENCE[name]
    )
