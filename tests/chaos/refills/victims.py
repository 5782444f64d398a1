"""Finding the process behind a connection, so that exactly the one that waits for an answer is killed."""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path


def group(leader: int) -> list[int]:
    """Return the processes of a process group, without its leader."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == leader and int(folder.name) != leader:
                    found.append(int(folder.name))
    return sorted(found)


def owner(port: int, among: list[int]) -> int | None:
    """Return which of some processes holds the local end of a TCP connection; None if it is gone."""
    sockets = _inodes(port)
    for pid in among:
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if os.readlink(entry) in sockets:
                        return pid
    return None


def kill(pid: int) -> bool:
    """SIGKILL one process; return whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def any_of(pids: list[int], rng: random.Random) -> int | None:
    """Return one of them at random, or None."""
    return rng.choice(pids) if pids else None


def _inodes(port: int) -> set[str]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {f"socket:[{row[9]}]" for row in fields if int(row[1].split(":")[1], 16) == port and row[9] != "0"}
