"""Who runs the stack: one owner at a time, known by a lock that no kill can leave behind."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from shop.devstack import environment
from shop.devstack.project import LOCAL, StackError

SUPERVISOR = "SUPERVISOR_PID"


class Ownership:
    """The right to run the servers under a folder. `stack.env` there tells others where they are."""

    def __init__(self, folder: Path = LOCAL) -> None:
        self.lock_file = folder / "stack.lock"
        self.env_file = folder / "stack.env"

    @contextlib.contextmanager
    def claim(self) -> Iterator[bool]:
        """Try to become the owner for the length of a block; tell whether that worked."""
        self.lock_file.parent.mkdir(parents=True, exist_ok=True)
        with self.lock_file.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            # what a killed owner left behind leads nowhere
            self.env_file.unlink(missing_ok=True)
            try:
                yield True
            finally:
                self.env_file.unlink(missing_ok=True)

    def is_claimed(self) -> bool:
        """Say whether somebody runs the stack now."""
        with contextlib.suppress(FileNotFoundError), self.lock_file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def announce(self, values: Mapping[str, str]) -> None:
        """Tell other commands where the servers are."""
        environment.write_env_file(self.env_file, {**values, SUPERVISOR: str(os.getpid())})

    def values(self, *, seconds: float = 60) -> dict[str, str]:
        """Return what the owner announced, waiting for an owner that is still starting.

        :raises StackError: if the owner says nothing within the time.
        """
        deadline = time.monotonic() + seconds
        while not (values := environment.read_env_file(self.env_file)):
            if time.monotonic() > deadline or not self.is_claimed():
                raise StackError("The stack that was starting elsewhere did not come up: see .local/log.")
            time.sleep(0.1)
        return values

    def stop_owner(self, *, seconds: float = 20) -> bool:
        """Ask the owner to stop and wait for that; False if there is none.

        :raises StackError: if it is still there when the time is up.
        """
        if not self.is_claimed():
            return False
        pid = int(self.lock_file.read_text(encoding="utf-8"))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.is_claimed():
            if time.monotonic() > deadline:
                raise StackError(f"The stack (process {pid}) did not stop within {seconds:.0f} s.")
            time.sleep(0.05)
        return True
