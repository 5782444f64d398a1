"""PostgreSQL refuses to run as root; here it gets another identity when we are root."""

import functools
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shop.devstack.processes import LIBC
from shop.devstack.project import StackError

CLONE_NEWUSER = 0x10000000
UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True)
class Identity:
    """Who a server runs as: `enter` makes a forked child so; `uid` and `gid` own its files as we see them."""

    enter: Callable[[], None] | None
    uid: int
    gid: int
    # a namespace or no change at all can read what we can; a dropped user cannot
    is_dropped: bool = False

    def can_reach(self, path: Path) -> bool:
        """Say whether this identity may walk down to a path and read it."""
        if not self.is_dropped:
            return True
        return all(self._may_pass(place) for place in (path, *path.parents))

    def _may_pass(self, place: Path) -> bool:
        status = place.stat()
        wanted = stat.S_IXOTH if place.is_dir() else stat.S_IROTH
        if status.st_uid == self.uid:
            wanted <<= 6
        return bool(status.st_mode & wanted)

    def own(self, folder: Path) -> None:
        """Hand a folder and all in it to this identity, unless it has it already.

        :raises StackError: if it belongs to somebody else and we are not root.
        """
        if folder.stat().st_uid == self.uid:
            return
        if os.geteuid() != 0:
            raise StackError(f"{folder} belongs to another user: remove it, or run as that user.")
        for place in (folder, *folder.rglob("*")):
            os.chown(place, self.uid, self.gid, follow_symlinks=False)


def enter_namespace() -> None:
    """Become uid 1000 of a new user namespace that still owns root's files."""
    uid, gid = os.geteuid(), os.getegid()
    if LIBC is None or LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError("no user namespaces here")
    # "deny" first: without it the kernel takes no group map from us
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def drop_to(uid: int, gid: int) -> None:
    """Give root up for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


@functools.cache
def namespaces_work() -> bool:
    """Try a user namespace on a program that does nothing."""
    try:
        subprocess.run(["true"], preexec_fn=enter_namespace, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def unprivileged(*, namespaces: bool | None = None) -> Identity:
    """Return an identity that PostgreSQL accepts; `namespaces` overrules what this machine can do.

    :raises StackError: if we are root and there is nobody to be instead.
    """
    if os.geteuid() != 0:
        return Identity(enter=None, uid=os.geteuid(), gid=os.getegid())
    if namespaces_work() if namespaces is None else namespaces:
        return Identity(enter=enter_namespace, uid=0, gid=0)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(
            enter=functools.partial(drop_to, entry.pw_uid, entry.pw_gid),
            uid=entry.pw_uid,
            gid=entry.pw_gid,
            is_dropped=True,
        )
    raise StackError("PostgreSQL refuses root, and there is no user postgres or nobody: run as another user.")


def readable_copy(tree: Path, identity: Identity, target: Path) -> Path:
    """Return a tree of programs that the identity can read: the tree itself, or a copy under `target`.

    A wheel's programs find their libraries in the folder `PACKAGE.libs` beside the package, so both are
    copied and lie to each other as before.
    """
    program = tree / "bin" / "postgres"
    if identity.can_reach(program):
        return tree
    package = tree.parent
    copied = target / package.name / tree.name
    mark = target / "copied-from"
    source = f"{tree} {program.stat().st_mtime_ns}"
    if not mark.exists() or mark.read_text(encoding="utf-8") != source:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(tree, copied, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, symlinks=True)
        _open_to_all(target)
        mark.write_text(source, encoding="utf-8")
    return copied


def _open_to_all(folder: Path) -> None:
    for place in (folder, *folder.rglob("*")):
        if not place.is_symlink():
            place.chmod(place.stat().st_mode | (0o755 if place.is_dir() else 0o444))
