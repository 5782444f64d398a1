"""The environment that every process of the stack gets, and the ports that it names."""

import hashlib
import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shop.devstack.project import LOCAL, ROOT, StackError

FIRST_WEB_PORT = 8000
LAST_WEB_PORT = 8099
WEBHOOK_SECRET = "whsec_devstripe"
# without compiled files every start would compile the same thousand modules again
NOT_FOR_CHILDREN = frozenset({"PYTHONDONTWRITEBYTECODE"})


def parse_env(text: str) -> dict[str, str]:
    """Return the KEY=value lines of a text; comments, blank lines and `export` are skipped."""
    values = {}
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not key.startswith("#"):
            values[key.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def read_env_file(path: Path) -> dict[str, str]:
    """Return what a KEY=value file says; a file that is not there says nothing."""
    try:
        return parse_env(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Write KEY=value lines that only the owner can read; a reader never sees half a file."""
    text = "".join(f"{key}={value}\n" for key, value in values.items())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def export_lines(values: Mapping[str, str]) -> str:
    """Return `export KEY='value'` lines for a shell."""
    return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in values.items())


def callers_environment(
    real: Mapping[str, str] = os.environ, *, env_file: Path | None = ROOT / ".env"
) -> dict[str, str]:
    """Return the real environment laid over the `.env` file; an empty value counts as not set."""
    from_file = read_env_file(env_file) if env_file else {}
    given = {**from_file, **real}
    return {key: value for key, value in given.items() if value and key not in NOT_FOR_CHILDREN}


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # as servers do: a connection of the last run that still lingers is no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def choose_web_port(caller: Mapping[str, str]) -> int:
    """Return the port for the web: PORT when it is set, else the first free one from 8000.

    :raises StackError: if PORT is no port or is taken, or if no port is free.
    """
    host = caller.get("HOST", "127.0.0.1")
    wanted = caller.get("PORT")
    if wanted is None:
        for port in range(FIRST_WEB_PORT, LAST_WEB_PORT + 1):
            if port_is_free(port, host):
                return port
        raise StackError(
            f"No port from {FIRST_WEB_PORT} to {LAST_WEB_PORT} is free: set PORT to another one."
        )
    if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
        raise StackError(f"PORT is {wanted!r}, which is not a port number.")
    if not port_is_free(int(wanted), host):
        raise StackError(f"Port {wanted} is taken: stop what listens there, or set PORT to another one.")
    return int(wanted)


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one stack."""

    postgres: int
    valkey: int
    devstripe: int
    web: int

    @classmethod
    def around(cls, web: int) -> "Ports":
        """Return free ports for the servers of a web that has its port already."""
        return cls(postgres=free_port(), valkey=free_port(), devstripe=free_port(), web=web)


def brings_own_stripe(caller: Mapping[str, str]) -> bool:
    """Say whether the caller names a Stripe of their own, so that no devstripe is wanted."""
    return "STRIPE_API_BASE" in caller or "STRIPE_SECRET_KEY" in caller


def brings_everything(caller: Mapping[str, str]) -> bool:
    """Say whether the caller names every server, so that none of ours is wanted."""
    return "DATABASE_URL" in caller and "REDIS_URL" in caller and brings_own_stripe(caller)


def web_values(caller: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the variables that say where the web is; whatever the caller has set wins."""
    host = caller.get("HOST", "127.0.0.1")
    # a web that listens everywhere is still asked at one address
    shown_host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
    values = {"PORT": str(port), "BASE_URL": f"http://{shown_host}:{port}"}
    return {key: caller.get(key, value) for key, value in values.items()}


def stack_values(caller: Mapping[str, str], ports: Ports, *, folder: Path = LOCAL) -> dict[str, str]:
    """Return the variables of the stack's contract; whatever the caller has set wins."""
    values = {
        "DATABASE_URL": f"postgres://shop@127.0.0.1:{ports.postgres}/shop",
        "REDIS_URL": f"redis://127.0.0.1:{ports.valkey}/0",
        # one slash more than usual: Django's reader of this address drops the first of the path
        "EMAIL_URL": f"file:///{folder / 'mail'}",
        "DJANGO_SETTINGS_MODULE": "shop.settings.local",
    }
    if not brings_own_stripe(caller):
        values |= stripe_values(ports.devstripe)
    return {key: caller.get(key, value) for key, value in values.items()} | web_values(caller, ports.web)


def stripe_values(port: int) -> dict[str, str]:
    """Return the variables that point the shop at a devstripe."""
    return {
        "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
        "STRIPE_SECRET_KEY": "sk_test_devstripe",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_devstripe",
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "STRIPE_JS_URL": f"http://127.0.0.1:{port}/v3/",
    }


def stripe_store(caller: Mapping[str, str], folder: Path = LOCAL) -> Path:
    """Return where devstripe keeps its books: one file for each database, since the two must agree."""
    if "DATABASE_URL" not in caller:
        return folder / "devstripe.sqlite3"
    name = hashlib.sha256(caller["DATABASE_URL"].encode()).hexdigest()[:12]
    return folder / f"devstripe-{name}.sqlite3"


def secret_key(path: Path) -> str:
    """Return the local secret key, made once and readable by its owner only."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()
