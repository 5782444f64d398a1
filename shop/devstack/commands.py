"""What each command of the supervisor does; every function returns an exit code."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from shop.devstack import environment, postgres, programs, supervisor
from shop.devstack.ownership import Ownership
from shop.devstack.processes import foreground, foreground_process
from shop.devstack.project import LOCAL, StackError, say
from shop.devstack.servers import Servers, require_callers_servers
from shop.devstack.virtualenv import VirtualEnvironment

NOT_RUNNING = "No stack is running here."


def run(venv: VirtualEnvironment, caller: Mapping[str, str]) -> int:
    """Start everything and stay until TERM or Ctrl-C."""
    owner = Ownership()
    with owner.claim() as is_ours:
        if not is_ours:
            raise StackError(
                f"The stack is running already at {owner.values()['BASE_URL']}; `make stop` ends it."
            )
        with supervisor.until_stopped(), _whole_stack(venv, caller, owner) as (stack, addresses):
            say(f"{addresses}\n\nLogs: {LOCAL / 'log'}. Ctrl-C stops everything.")
            stack.supervise()
    say("Stopped.")
    return 0


def demo(venv: VirtualEnvironment, caller: Mapping[str, str]) -> int:
    """Run the demonstration against the running stack, or against one started for it."""
    argv = [str(venv.python), "-m", "tests.demo"]
    owner = Ownership()
    with owner.claim() as is_ours:
        if not is_ours:
            return foreground(argv, _joined(owner, caller))
        say("Starting the stack for the demo …")
        with supervisor.until_stopped(), _whole_stack(venv, caller, owner) as (stack, _):
            return foreground(argv, stack.env)
    return 130


def smoke(venv: VirtualEnvironment, caller: Mapping[str, str]) -> int:
    """Run the smoke test at whatever Stripe the caller names. Nothing is started: no double, no database."""
    return foreground([str(venv.python), "-m", "tests.smoke"], {**caller, "PYTHONUNBUFFERED": "1"})


def manage(venv: VirtualEnvironment, caller: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run a management command on the stack's servers, started for it if they are not up."""
    return _on_servers(venv, caller, lambda env: programs.manage(venv, *arguments))


def one_process(venv: VirtualEnvironment, caller: Mapping[str, str], name: str) -> int:
    """Run web, worker or beat at this terminal, on the caller's servers, the running stack's, or its own."""
    port = environment.choose_web_port(caller) if name == "web" else None
    at = f" at {environment.web_values(caller, port)['BASE_URL']}" if port else ""
    say(f"Starting the {name}{at} … Ctrl-C ends it.")
    return _on_servers(
        venv, caller, lambda env: programs.command(name, venv, env), web_port=port, is_process=True
    )


def devstripe(venv: VirtualEnvironment, caller: Mapping[str, str]) -> int:
    """Run devstripe at this terminal, for a web on PORT or 8000."""
    port = int(caller.get("DEVSTRIPE_PORT") or environment.free_port())
    values = environment.stripe_values(port)
    base_url = caller.get("BASE_URL") or f"http://127.0.0.1:{caller.get('PORT', environment.FIRST_WEB_PORT)}"
    argv = [str(venv.python), "-m", "shop.devstripe", "--port", str(port)]
    argv += ["--store", str(environment.stripe_store(caller)), "--webhook-url", f"{base_url}/webhooks/stripe"]
    argv += ["--webhook-secret", values["STRIPE_WEBHOOK_SECRETS"]]
    LOCAL.mkdir(exist_ok=True)
    say(environment.export_lines(values))
    return foreground(argv, {**caller, "PYTHONUNBUFFERED": "1"})


def show_environment() -> int:
    """Print the running stack's environment as lines for a shell."""
    owner = Ownership()
    if not owner.is_claimed():
        raise StackError(NOT_RUNNING)
    say(environment.export_lines(owner.values()))
    return 0


def stop() -> int:
    """Stop the running stack, or what a killed one left behind."""
    was_running = Ownership().stop_owner()
    if not was_running:
        postgres.clear_orphans(LOCAL / "postgres")
    say("Stopped." if was_running else NOT_RUNNING)
    return 0


def python(venv: VirtualEnvironment, arguments: Sequence[str]) -> int:
    """Run the project's Python with these arguments."""
    return foreground([str(venv.python), *arguments], os.environ)


def _on_servers(
    venv: VirtualEnvironment,
    caller: Mapping[str, str],
    command: Callable[[Mapping[str, str]], list[str]],
    *,
    web_port: int | None = None,
    is_process: bool = False,
) -> int:
    """Run a command in the foreground with the servers it needs, whoever runs them.

    `web_port` is set when the command is a web of its own; `is_process` when it stays until it is ended.
    """
    require_callers_servers(caller)
    run = foreground_process if is_process else foreground
    owner = Ownership()
    port = web_port or int(caller.get("PORT", environment.FIRST_WEB_PORT))
    if environment.brings_everything(caller):
        env = Servers(venv, caller, web_port=port).env
        return run(command(env), env)
    with owner.claim() as is_ours:
        if not is_ours:
            env = _joined(owner, caller, web_port)
            return run(command(env), env)
        with supervisor.until_stopped(), _servers(venv, caller, owner, web_port=port) as servers:
            # a database that the caller brings is theirs to migrate
            if is_process and "DATABASE_URL" not in caller:
                supervisor.prepare(venv, servers.env)
                servers.preparation.remember()
            return run(command(servers.env), servers.env)
    return 130


def _joined(owner: Ownership, caller: Mapping[str, str], web_port: int | None = None) -> dict[str, str]:
    """Return the environment of somebody else's stack; what the caller set still wins."""
    own_web = environment.web_values(caller, web_port) if web_port else {}
    return {**owner.values(), **own_web, **caller, "PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def _servers(
    venv: VirtualEnvironment, caller: Mapping[str, str], owner: Ownership, *, web_port: int
) -> Iterator[Servers]:
    servers = Servers(venv, caller, web_port=web_port)
    try:
        servers.start()
        owner.announce(servers.values)
        yield servers
    finally:
        servers.stop()


@contextlib.contextmanager
def _whole_stack(
    venv: VirtualEnvironment, caller: Mapping[str, str], owner: Ownership
) -> Iterator[tuple[supervisor.WholeStack, str]]:
    require_callers_servers(caller)
    port = environment.choose_web_port(caller)
    if port != environment.FIRST_WEB_PORT and "PORT" not in caller:
        say(f"Port {environment.FIRST_WEB_PORT} is taken: using {port}.")
    with _servers(venv, caller, owner, web_port=port) as servers:
        stack = supervisor.WholeStack(venv, servers)
        try:
            yield stack, stack.start()
        finally:
            stack.stop()
