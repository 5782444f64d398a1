"""One process of the shop's Python that does what staff and customers of a drill do, one thing after another.

Each thing in a process of its own would mostly wait for imports. Nobody kills a clerk. Its connections are cut
like all others, so each thing begins with new ones. It goes home when the drill that asks it is gone.

    python -m tests.chaos.clerk     reads a JSON list a line, answers with a JSON object a line
    ["manage", "move_clock", "--minutes", "30"]
    ["tests.chaos.refills.people", "begin", "--kind", "pay", "--count", "10"]
"""

import io
import json
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import django
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from shop.devstack.project import ROOT

GOES_HOME_WITHIN_S = 10


class Clerk:
    """A clerk's process, as its drill sees it: for one thread at a time."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._log = log.open("a")
        argv = [sys.executable, "-m", "tests.chaos.clerk"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            argv, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self._log, text=True
        )

    def do(self, words: tuple[str, ...]) -> tuple[int, str]:
        """Have one thing done; return its exit code and what it printed.

        :raises RuntimeError: if it broke, or the clerk is gone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"broke": "the clerk is gone"}
        if "broke" in answer:
            raise RuntimeError(f"{' '.join(words)} broke:\n{answer['broke']}")
        return int(answer["code"]), str(answer["said"])

    def close(self) -> None:
        """Send the clerk home."""
        try:
            self._process.communicate(timeout=GOES_HOME_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._log.close()


def main() -> None:
    """Do what each line asks for."""
    answers, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    for line in sys.stdin:
        answer = _do(json.loads(line))
        print(f"$ {line.strip()} → {answer}", file=sys.stderr)
        print(json.dumps(answer), file=answers, flush=True)


def _do(words: list[str]) -> dict[str, Any]:
    said = io.StringIO()
    code: int | str | None = 0
    try:
        with redirect_stdout(said):
            _call(*words)
    except SystemExit as end:
        code = end.code
    except CommandError as error:
        said.write(str(error))
        code = 1
    except Exception:
        return {"broke": traceback.format_exc()}
    finally:
        connections.close_all()
        cast("DatabaseWrapper", connections["default"]).close_pool()
    return {"code": code if isinstance(code, int) else 1, "said": said.getvalue()}


def _call(what: str, *words: str) -> None:
    """Run a management command, or the main() of a module, which may import models only now."""
    if what == "manage":
        call_command(*words)
    else:
        import_module(what).main(words)


if __name__ == "__main__":
    main()
