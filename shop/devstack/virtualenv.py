"""The project's own Python: made when it is missing, filled when the requirements changed."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shop.devstack.project import LOCAL, ROOT, StackError, say

LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(\s*;)?", re.MULTILINE)
NO_VENV = "This Python cannot make virtual environments: install the package python3-venv and try again."


@dataclass(frozen=True)
class VirtualEnvironment:
    """A virtual environment by its folder."""

    prefix: Path

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.prefix / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Return where its packages lie.

        :raises StackError: if it has no such folder.
        """
        for folder in self.prefix.glob("lib/python3*/site-packages"):
            return folder
        raise StackError(f"{self.prefix} is no virtual environment: remove it and try again.")

    @property
    def stamp(self) -> Path:
        """Return the file that remembers which requirements were installed."""
        return self.prefix / "devstack-stamp"


def fingerprint(locks: tuple[Path, ...] = LOCKS) -> str:
    """Return a hash of the locked requirements."""
    return hashlib.sha256(b"\0".join(lock.read_bytes() for lock in locks)).hexdigest()


def pins(text: str) -> set[tuple[str, str]]:
    """Return the (name, version) pairs that a lock wants on every machine: those without a condition."""
    return {(_plain(name), version) for name, version, condition in PIN.findall(text) if not condition}


def installed(site_packages: Path) -> set[tuple[str, str]]:
    """Return the (name, version) pairs of the packages in a folder."""
    found = (folder.name.removesuffix(".dist-info") for folder in site_packages.glob("*.dist-info"))
    return {(_plain(name), version) for name, _, version in (each.rpartition("-") for each in found)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def is_complete(venv: VirtualEnvironment) -> bool:
    """Say whether an environment holds every package of the locks."""
    wanted = set().union(*(pins(lock.read_text(encoding="utf-8")) for lock in LOCKS))
    return venv.python.exists() and wanted <= installed(venv.site_packages)


def ensure() -> VirtualEnvironment:
    """Return an environment with everything installed, making or filling `.venv` as needed.

    An active environment is used when it is complete. Two starts at once wait for each other.
    :raises StackError: if nothing can be installed here.
    """
    active = VirtualEnvironment(Path(sys.prefix))
    venv = VirtualEnvironment(ROOT / ".venv")
    if sys.prefix != sys.base_prefix and not _is_same(active, venv) and is_complete(active):
        return active
    if _is_stamped(venv):
        return venv
    with _alone():
        if not _is_stamped(venv):
            if not venv.python.exists():
                _create(venv)
            if not is_complete(venv):
                _install(venv)
            venv.stamp.write_text(fingerprint(), encoding="utf-8")
    return venv


def _is_same(one: VirtualEnvironment, other: VirtualEnvironment) -> bool:
    return other.prefix.exists() and one.prefix.samefile(other.prefix)


def _is_stamped(venv: VirtualEnvironment) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return venv.python.exists() and venv.stamp.read_text(encoding="utf-8") == fingerprint()
    return False


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _create(venv: VirtualEnvironment) -> None:
    say(f"Making {venv.prefix.name} …")
    if importlib.util.find_spec("ensurepip") is None:
        _install_venv_package()
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv.prefix)], check=True)


def _install_venv_package() -> None:
    """Debian splits `venv` off Python; root can bring it back."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(NO_VENV)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qq", "-y", "python3-venv"]):
        done = subprocess.run(["apt-get", *arguments], env=env, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise StackError(NO_VENV)


def cache_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment with caches in a place that can be written."""
    home = caller.get("HOME", "")
    if home and os.access(home, os.W_OK):
        return dict(caller)
    caches = {"UV_CACHE_DIR": str(LOCAL / "cache" / "uv"), "PIP_CACHE_DIR": str(LOCAL / "cache" / "pip")}
    # with no HOME at all the tools ask the user database and may end at a place closed to us
    return {**caches, **caller, "HOME": home or tempfile.gettempdir()}


def _install(venv: VirtualEnvironment) -> None:
    say("Installing the requirements …")
    env = {
        # pip trusts the certificates of the system; so shall uv, behind a company's proxy for one
        "UV_SYSTEM_CERTS": "true",
        **cache_environment(os.environ),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV": str(venv.prefix),
    }
    requirements = ["--quiet", "--require-hashes", "--requirement", str(LOCKS[-1])]
    if uv := _uv(venv, env):
        target = ["--python", str(venv.python)]
        if subprocess.run([*uv, "pip", "install", *target, *requirements], env=env).returncode == 0:
            return
        say("uv could not install them; trying pip …")
    pip = [str(venv.python), "-m", "pip", "install", *requirements]
    if subprocess.run(pip, env=env).returncode != 0:
        raise StackError("The requirements could not be installed: see the lines above.")


def _uv(venv: VirtualEnvironment, env: Mapping[str, str]) -> list[str] | None:
    """Return how to call uv, which installs several times faster than pip, if it can be had."""
    if on_path := shutil.which("uv"):
        return [on_path]
    own = [str(venv.python), "-m", "uv"]
    version = dict(pins(LOCKS[-1].read_text(encoding="utf-8"))).get("uv")
    get_it = [str(venv.python), "-m", "pip", "install", "--quiet", "--no-deps", f"uv=={version}"]
    done = subprocess.run(get_it, env=env, capture_output=True)
    return own if done.returncode == 0 else None
