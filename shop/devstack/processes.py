"""One child process: started so that it dies with us, logged to a file, stopped politely, then not."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shop.devstack.project import ROOT, StackError

PR_SET_PDEATHSIG = 1
LOG_LIMIT = 5_000_000
# looked up before any fork: the child must do as little as possible between fork and exec
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def dying_with_us(
    signum: int = signal.SIGTERM, enter: Callable[[], None] | None = None
) -> Callable[[], None]:
    """Return what a child does between fork and exec: take its identity, then bind its life to ours."""
    parent = os.getpid()

    def bind() -> None:
        if enter:
            enter()
        # after `enter`: a change of identity clears the death signal
        if LIBC:
            LIBC.prctl(PR_SET_PDEATHSIG, int(signum))
        if os.getppid() != parent:
            os._exit(1)

    return bind


@dataclass
class Service:
    """A long-running child. `patience` is the seconds it gets between its stop signal and the kill."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    cwd: Path = ROOT
    stop_signal: int = signal.SIGTERM
    patience: float = 3.0
    enter: Callable[[], None] | None = None
    before_start: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor only."""
        if self.before_start:
            self.before_start()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dying_with_us(self.stop_signal, self.enter),
            )
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Say whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask it to end, wait for `patience` seconds, then kill whatever is left of its group."""
        if self.process is None:
            return
        if self.is_running:
            self.process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.patience)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of its log."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(f"    {line}" for line in lines[-count:])
        return ""

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until `ready` says so.

        :raises StackError: if the process ends first or the time is up.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running:
                raise StackError(f"{self.name} did not start; {self.log} ends:\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready after {seconds:.0f} s; see {self.log}.")
            time.sleep(0.02)


def foreground_process(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a server at this terminal until it ends or Ctrl-C or TERM ask it to; then the code is 0.

    It runs in a session of its own and is asked by TERM, which ends Python quietly at any moment of its
    start; Ctrl-C itself would show a traceback of whatever is being imported. A second Ctrl-C kills.
    """
    child = subprocess.Popen(argv, env=env, cwd=ROOT, start_new_session=True, preexec_fn=dying_with_us())
    asked: list[int] = []

    def ask(signum: int, _: object) -> None:
        if asked and signum == signal.SIGINT:
            os.killpg(child.pid, signal.SIGKILL)
        elif child.poll() is None:
            child.terminate()
        asked.append(signum)

    handlers = {signum: signal.signal(signum, ask) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = child.wait()
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    return 0 if asked else (code if code >= 0 else 128 - code)


def foreground(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command at this terminal and return its exit code.

    Ctrl-C is the child's to answer; TERM to us is passed on. A child killed by a signal gives
    128 + its number, as a shell would.
    """
    child = subprocess.Popen(argv, env=env, cwd=ROOT, preexec_fn=dying_with_us())
    handlers = {
        # a handler, not SIG_IGN: an ignored signal would stay ignored in the child
        signum: signal.signal(signum, action)
        for signum, action in (
            (signal.SIGINT, lambda *_: None),
            (signal.SIGTERM, lambda *_: child.terminate()),
        )
    }
    try:
        code = child.wait()
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    return code if code >= 0 else 128 - code
