"""The test command: static checks in one lane, pytest in the other, on servers that are thrown away."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shop.devstack import environment, programs, supervisor
from shop.devstack.processes import Service, dying_with_us, foreground
from shop.devstack.project import ROOT, say
from shop.devstack.servers import Servers, throwaway_folder
from shop.devstack.virtualenv import VirtualEnvironment

APPS = ("shop", "catalog", "orders", "content")
# what a developer points at real things must not reach a test
NOT_FOR_TESTS = ("STRIPE_", "EMAIL_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "PORT", "HOST", "BASE_URL")
# whoever is done first takes tests from the others; a Redis has databases for a few workers only
ON_ALL_CORES = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
# its script would do, but a script carries the path of the folder it was installed in
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@dataclass(frozen=True)
class Step:
    """One named check: a command that fails with a code other than 0."""

    name: str
    argv: Sequence[str]


@dataclass(frozen=True)
class Result:
    """How a step went, and how many seconds it took."""

    name: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{'ok' if self.passed else 'FAILED':<6} {self.seconds:6.1f} s  {self.name}"


def run(venv: VirtualEnvironment, arguments: Sequence[str]) -> int:
    """Run all checks and tests, or only pytest when it is given arguments; 0 means that all passed."""
    caller = tests_environment(os.environ)
    with (
        supervisor.until_stopped(),
        throwaway_folder() as folder,
        throwaway_servers(venv, caller, folder) as servers,
    ):
        pytest = [str(venv.python), "-m", "pytest", *arguments]
        if arguments:
            return foreground(pytest, servers.env)
        return _run_everything(servers, static_steps(venv, folder), [*pytest, *ON_ALL_CORES])
    return 130


def tests_environment(real: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for tests: no `.env`, and nothing that could be somebody's real account.

    DATABASE_URL and REDIS_URL stay: a CI that brings servers of its own says so by them.
    """
    caller = environment.callers_environment(real, env_file=None)
    kept = {key: value for key, value in caller.items() if not key.startswith(NOT_FOR_TESTS)}
    return {**kept, "DJANGO_SETTINGS_MODULE": "shop.settings.test"}


def static_steps(venv: VirtualEnvironment, folder: Path, root: Path = ROOT) -> list[Step]:
    """Return the checks beside pytest, leaving out those that have nothing to look at."""
    python = str(venv.python)
    steps = [
        Step("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        Step("ruff check", [python, "-m", "ruff", "check", "."]),
    ]
    with_templates = [app for app in APPS if any((root / app).rglob("*.html"))]
    if with_templates:
        steps += [
            Step("djlint format", [python, "-m", "djlint", *with_templates, "--check", "--quiet"]),
            Step("djlint lint", [python, "-m", "djlint", *with_templates, "--lint", "--quiet"]),
        ]
    steps += [
        Step("import-linter", [python, "-c", LINT_IMPORTS]),
        Step("deptry", [python, "-m", "deptry", "."]),
        Step("mypy", [python, "-m", "mypy"]),
        Step("makemigrations", programs.manage(venv, "makemigrations", "--check", "--dry-run")),
    ]
    if _mentions(root / "shop" / "settings", "django_migration_linter"):
        steps.append(Step("lintmigrations", programs.manage(venv, "lintmigrations")))
    schema = ["--validate", "--fail-on-warn", "--file", str(folder / "openapi.yml")]
    return [*steps, Step("spectacular", programs.manage(venv, "spectacular", *schema))]


def _mentions(folder: Path, word: str) -> bool:
    return any(word in file.read_text(encoding="utf-8") for file in folder.glob("*.py"))


@contextlib.contextmanager
def throwaway_servers(venv: VirtualEnvironment, caller: Mapping[str, str], folder: Path) -> Iterator[Servers]:
    """Run servers that forget everything when the block ends."""
    servers = Servers(venv, caller, web_port=environment.free_port(), folder=folder, throwaway=True)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def _run_everything(servers: Servers, steps: Sequence[Step], pytest: Sequence[str]) -> int:
    # its output waits in a file while the other lane talks, and its closing line is the last of all
    tests = Service("pytest", pytest, servers.env, servers.log("pytest"))
    tests.start()
    try:
        results = [run_step(step, servers.env) for step in steps]
        say("\npytest")
        closing_line = follow(tests)
        seconds = time.monotonic() - tests.started_at
    finally:
        tests.stop()
    passed = tests.process is not None and tests.process.returncode == 0
    results.append(Result("pytest", passed, seconds))
    say("\n" + summary(results) + "\n" + closing_line)
    return 0 if all(result.passed for result in results) else 1


def run_step(step: Step, env: Mapping[str, str]) -> Result:
    """Run one check, and print its output only if it failed."""
    started_at = time.monotonic()
    done = subprocess.run(
        step.argv,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=dying_with_us(),
    )
    result = Result(step.name, done.returncode == 0, time.monotonic() - started_at)
    say(str(result) if result.passed else f"{result}\n{done.stdout.rstrip()}")
    return result


def follow(service: Service) -> str:
    """Print what a service writes until it ends, all but its last line, and return that one."""
    held_back = ""
    with service.log.open(encoding="utf-8", errors="replace") as log:
        unfinished = ""
        while True:
            # asked before the read: what is written between the two is not lost
            was_running = service.is_running
            *lines, unfinished = (unfinished + log.read()).split("\n")
            if not was_running and unfinished:
                lines.append(unfinished)
            for line in filter(str.strip, lines):
                if held_back:
                    say(held_back)
                held_back = line
            if not was_running:
                return held_back
            time.sleep(0.1)


def summary(results: Sequence[Result]) -> str:
    """Return one line a step and, if any failed, their names."""
    failed = [result.name for result in results if not result.passed]
    verdict = f"Failed: {', '.join(failed)}" if failed else "All steps passed."
    return "\n".join([*map(str, results), verdict])
