"""The shop under test as separate processes: web, worker, beat → proxy → devstripe, on a database of its own.

No process here is told that it is watched: the shop gets `STRIPE_API_BASE`, as any deployment could.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
import requests

from shop.devstack import environment, programs
from shop.devstack.processes import Service, dying_with_us
from shop.devstack.project import ROOT
from shop.devstack.virtualenv import VirtualEnvironment
from tests.chaos.clerk import Clerk

SHARED_PROXY = ROOT.parent / "shared" / "stripe" / "record_proxy.py"
HERE = VirtualEnvironment(Path(sys.prefix))
SECRET_KEY, PUBLISHABLE_KEY = "sk_test_devstripe", "pk_test_devstripe"
# a worker at rest is as patient as in production; here it must not sleep through the whole run
BACKGROUND_READ_S = "4"
KILLABLE = ("web", "worker")


@dataclass
class Stack:
    """Everything that runs, and how to reach, kill and steer it."""

    folder: Path
    database_url: str
    redis_url: str
    seed: int
    shared_proxy: bool = False
    # what a drill sets besides
    more_env: Mapping[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    kills: list[tuple[float, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clerks: list[Clerk] = field(default_factory=list)
    _idle: deque[Clerk] = field(default_factory=deque)

    @property
    def base_url(self) -> str:
        return self.env["BASE_URL"]

    @property
    def proxy_url(self) -> str:
        return self.env["STRIPE_API_BASE"]

    @property
    def traffic_log(self) -> Path:
        """Every request to Stripe and every delivery of a webhook, as JSONL."""
        return self.folder / "traffic.jsonl"

    def start(self) -> None:
        """Prepare the database and start all processes; the caller stops them."""
        ports = {name: environment.free_port() for name in ("web", "proxy", "devstripe")}
        self.devstripe_url = f"http://127.0.0.1:{ports['devstripe']}"
        self.env = self._environment(ports)
        redis.Redis.from_url(self.redis_url).delete("celery")
        self._start("devstripe", self._devstripe(ports))
        self._start("proxy", self._proxy(ports))
        self.do("manage", "prepare_stack")
        for name in programs.NAMES:
            self._start(name, programs.command(name, HERE, self.env, folder=self.folder))
        self.wait_for_web()

    def stop(self) -> None:
        """Stop every process, the servers last."""
        for clerk in self._clerks:
            clerk.close()
        # All are asked before the first is waited for.
        for service in self.services.values():
            if service.process is not None and service.is_running:
                service.process.send_signal(service.stop_signal)
        for service in reversed(self.services.values()):
            service.stop()

    def kill(self, name: str, *, down_for: float = 0.0, moment: str = "") -> None:
        """SIGKILL a process with all its children in the middle of whatever it does, and start it anew."""
        with self._lock:
            process = self.services[name].process
            assert process is not None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.note_kill(name, f"process group {process.pid}, {moment}")
            time.sleep(down_for)
            self.services[name].start()

    def revive(self) -> list[str]:
        """Start what has ended by itself, as whatever supervises processes would; return the names."""
        with self._lock:
            ended = [name for name, service in self.services.items() if not service.is_running]
            for name in ended:
                self.services[name].start()
        return ended

    def note_kill(self, name: str, words: str) -> None:
        """Count a SIGKILL and write it down."""
        self.kills.append((time.time(), name))
        with (self.folder / "kills.log").open("a") as log:
            log.write(f"{time.time():.3f} SIGKILL {name} ({words})\n")

    def wait_for_web(self, seconds: float = 60) -> None:
        """Wait until /readyz answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.base_url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the web did not come up: {self.services['web'].last_lines()}")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command, as staff would."""
        return self._run(programs.manage(HERE, *arguments), check=check)

    def do(self, *words: str, may_fail: bool = False) -> tuple[int, str]:
        """Have a clerk who is free do something; return its exit code and what it printed: see `clerk`.

        :raises RuntimeError: if it failed, and may not.
        """
        try:
            clerk = self._idle.popleft()
        except IndexError:
            clerk = Clerk(self.env, self.folder / "clerks.log")
            self._clerks.append(clerk)
        try:
            code, said = clerk.do(words)
        finally:
            self._idle.append(clerk)
        if code and not may_fail:
            raise RuntimeError(f"{' '.join(words)} failed:\n{said[-2000:]}")
        return code, said

    def python(self, *arguments: str) -> dict[str, Any]:
        """Run the project's Python in the shop's environment and return the JSON that it prints last."""
        done = self._run([str(HERE.python), *arguments], check=True)
        return json.loads(done.stdout.splitlines()[-1])

    def _run(self, argv: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=dying_with_us(),
        )
        with (self.folder / "manage.log").open("a") as log:
            log.write(f"$ {' '.join(argv[1:])} → {done.returncode}\n{done.stdout}{done.stderr[-20000:]}\n")
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv[1:])} failed:\n{done.stderr[-2000:]}")
        return done

    def faults(self, rules: list[dict[str, object]]) -> None:
        """Put fault rules in force at the proxy."""
        if self.shared_proxy:
            rules = [{**rule, "type": "drop_first"} if rule["type"] == "lost" else rule for rule in rules]
        requests.post(f"{self.proxy_url}/_proxy/faults", json=rules, timeout=30).raise_for_status()

    def faults_off(self) -> None:
        """Let nothing fail any more."""
        requests.delete(f"{self.proxy_url}/_proxy/faults", timeout=30).raise_for_status()

    def flush_webhooks(self, seconds: float = 60) -> bool:
        """Wait until every event was delivered or given up."""
        time.sleep(0.3)
        url = f"{self.proxy_url}/_proxy/flush"
        return bool(requests.post(url, json={"timeout": seconds}, timeout=seconds + 30).json()["drained"])

    def forget_keys(self) -> None:
        """Let a day pass at Stripe: it keeps no idempotency key longer."""
        requests.post(f"{self.devstripe_url}/_test/idempotency/prune", json={}, timeout=30).raise_for_status()
        requests.post(f"{self.proxy_url}/_proxy/forget_keys", json={}, timeout=30)

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Read from the database; the connection refuses to write."""
        with psycopg.connect(self.database_url, options="-c default_transaction_read_only=on") as connection:
            return connection.execute(sql, values).fetchall()  # type: ignore[arg-type]

    def dump(self, tables: Iterable[str]) -> None:
        """Keep tables as CSV beside the logs: the database goes when the run ends."""
        with psycopg.connect(self.database_url) as connection, connection.cursor() as cursor:
            for table in tables:
                rows = cursor.copy(f"COPY {table} TO STDOUT WITH CSV HEADER")  # type: ignore[arg-type]
                with (self.folder / f"{table}.csv").open("wb") as file, rows as lines:
                    file.writelines(bytes(line) for line in lines)

    def _start(self, name: str, argv: list[str]) -> None:
        env = {**self.env, "PYTHONPATH": str(ROOT)}
        service = Service(name, argv, env, self.folder / f"{name}.log", patience=3.0)
        self.services[name] = service
        service.start()
        if name in {"devstripe", "proxy"}:
            port = int(argv[argv.index("--port") + 1])
            service.wait_until(lambda: not environment.port_is_free(port), seconds=20)

    def _environment(self, ports: Mapping[str, int]) -> dict[str, str]:
        mine = ("STRIPE_", "EMAIL_URL", "DJANGO_", "SECRET_KEY", "PORT", "HOST", "BASE_URL")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "shop.settings.local",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "chaos-signs-nothing-that-matters",
            "EMAIL_URL": f"file:///{self.folder / 'mail'}",
            "PORT": str(ports["web"]),
            "BASE_URL": f"http://127.0.0.1:{ports['web']}",
            "STRIPE_API_BASE": f"http://127.0.0.1:{ports['proxy']}",
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRETS": environment.WEBHOOK_SECRET,
            "STRIPE_JS_URL": f"{self.devstripe_url}/v3/",
            "STRIPE_BACKGROUND_READ_TIMEOUT": BACKGROUND_READ_S,
            "RATE_LIMIT_SCALE": "100000",
            "PYTHONUNBUFFERED": "1",
            **self.more_env,
        }

    def _devstripe(self, ports: Mapping[str, int]) -> list[str]:
        argv = [
            str(HERE.python),
            "-m",
            "shop.devstripe",
            "--port",
            str(ports["devstripe"]),
            "--store",
            ":memory:",
        ]
        hook = f"http://127.0.0.1:{ports['proxy']}/_proxy/webhook_in"
        return [*argv, "--webhook-url", hook, "--webhook-secret", "whsec_between_devstripe_and_proxy"]

    def _proxy(self, ports: Mapping[str, int]) -> list[str]:
        program = [str(SHARED_PROXY)] if self.shared_proxy else ["-m", "tests.chaos.proxy"]
        return [
            str(HERE.python), *program, "--port", str(ports["proxy"]), "--upstream", self.devstripe_url,
            "--log", str(self.traffic_log), "--seed", str(self.seed),
            "--webhook-target", f"{self.base_url}/webhooks/stripe", "--webhook-secret", environment.WEBHOOK_SECRET,
        ]  # fmt: skip


@contextlib.contextmanager
def database_of_its_own(server_url: str, like: str = "") -> Iterator[str]:
    """Give the URL of a new database on the same server, dropped afterwards: empty, or a copy of another one
    that nobody is connected to.
    """
    name = f"chaos_{os.getpid()}_{int(time.time())}"
    parts = urlsplit(server_url)
    maintenance = urlunsplit(parts._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like or "template1"}"')
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    seed: int,
    shared_proxy: bool = False,
    more_env: Mapping[str, str] | None = None,
    like: str = "",
    redis_url: str = "",
) -> Iterator[Stack]:
    """Start a stack on the servers that the environment names, and take it all away afterwards.

    `like` names a database that is migrated already, to begin with a copy of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    redis_url = redis_url or os.environ["REDIS_URL"]
    with database_of_its_own(os.environ["DATABASE_URL"], like) as database_url:
        stack = Stack(folder, database_url, redis_url, seed, shared_proxy, more_env or {})
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
