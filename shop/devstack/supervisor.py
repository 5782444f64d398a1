"""The whole stack: started in order, watched, and stopped in the reverse order."""

import contextlib
import http.client
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from shop.devstack import programs
from shop.devstack.processes import Service, dying_with_us
from shop.devstack.project import ROOT, StackError, say
from shop.devstack.servers import Servers
from shop.devstack.virtualenv import VirtualEnvironment

QUICK_DEATH_SECONDS = 5.0
QUICK_DEATHS_OF_WEB = 3
LONGEST_PAUSE_SECONDS = 30.0
READY_SECONDS = 60.0
WORTH_SHOWING = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|\"level\": ?\"(error|critical)\"")
# what the shop tried on purpose: a constraint decides who was first
EXPECTED = "duplicate key value violates unique constraint"


class Stopped(BaseException):
    """Somebody asked us to stop. No Exception: nothing on the way up may take it for a failure."""


@contextlib.contextmanager
def until_stopped() -> Iterator[None]:
    """Leave the block quietly, clean-up and all, at the first TERM, Ctrl-C or hang-up.

    Later signals cannot disturb the clean-up.
    """
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def stop(*_: object) -> None:
        for signum in signals:
            signal.signal(signum, lambda *_: None)
        raise Stopped

    before = {signum: signal.signal(signum, stop) for signum in signals}
    try:
        with contextlib.suppress(Stopped):
            yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class Watch:
    """Keeps one service up: each death is told, and the pause before the restart grows."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.quick_deaths = 0
        self.restart_at: float | None = None
        self.in_traceback = False
        self.read_up_to = service.log.stat().st_size if service.log.exists() else 0

    def mind(self) -> None:
        """Tell what went wrong since the last look, and restart the service when it is time.

        :raises StackError: if the web dies at once three times in a row.
        """
        self._show_errors()
        now = time.monotonic()
        if self.service.is_running:
            return
        if self.restart_at is None:
            self._tell_of_death(now)
            self.restart_at = now + pause_before_restart(self.quick_deaths)
        elif now >= self.restart_at:
            self.restart_at = None
            self.service.start()
            say(f"{self.service.name} was started again.")

    def _tell_of_death(self, now: float) -> None:
        lived = now - self.service.started_at
        self.quick_deaths = self.quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
        code = self.service.process.returncode if self.service.process else None
        say(f"{self.service.name} ended (code {code}); its log ends:\n{self.service.last_lines()}")
        self.service.stop()
        if self.service.name == "web" and self.quick_deaths >= QUICK_DEATHS_OF_WEB:
            raise StackError(f"The web ended at once {self.quick_deaths} times: see {self.service.log}.")

    def _show_errors(self) -> None:
        with contextlib.suppress(FileNotFoundError), self.service.log.open("rb") as log:
            log.seek(self.read_up_to)
            news = log.read()
            # a line still being written waits for the next look
            whole = news[: news.rfind(b"\n") + 1]
            self.read_up_to += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                if self._is_worth_showing(line):
                    say(f"[{self.service.name}] {line}")

    def _is_worth_showing(self, line: str) -> bool:
        """Say whether a line is bad news; of a traceback, the line after its frames is."""
        if line.startswith("Traceback"):
            self.in_traceback = True
            return False
        if self.in_traceback:
            self.in_traceback = not line[:1].strip()
            return not self.in_traceback
        return WORTH_SHOWING.search(line) is not None and EXPECTED not in line


def pause_before_restart(quick_deaths: int) -> float:
    """Return the seconds to wait before a restart: half a second at first, doubled each time."""
    return min(LONGEST_PAUSE_SECONDS, 0.5 * 2**quick_deaths)


class WholeStack:
    """The servers, then web, worker and beat."""

    def __init__(self, venv: VirtualEnvironment, servers: Servers) -> None:
        self.venv = venv
        self.servers = servers
        self.env: Mapping[str, str] = servers.env
        self.services = [programs.service(n, venv, self.env, servers.log(n)) for n in programs.NAMES]
        self.watches = [Watch(service) for service in servers.services]

    def start(self) -> str:
        """Start everything, wait for the web, and return the addresses to show.

        The servers are up already.
        """
        web, *others = self.services
        # beside the preparation where it has nothing to migrate: both spend seconds on imports
        is_prepared = self.servers.preparation.is_done()
        if is_prepared:
            self._start(web)
        else:
            say("Preparing the database …")
        addresses = prepare(self.venv, self.env, "--addresses")
        self.servers.preparation.remember()
        if not is_prepared:
            self._start(web)
        self._wait_for_web()
        # last, so that on a small machine they don't take the processor from the web's start
        for service in others:
            self._start(service)
        return addresses

    def supervise(self) -> None:
        """Watch until a signal or a hopeless web ends it."""
        while True:
            for watch in self.watches:
                watch.mind()
            time.sleep(0.25)

    def stop(self) -> None:
        """Stop web, beat and worker, in that order; the servers are stopped by who started them."""
        by_name = {service.name: service for service in self.services}
        for name in ("web", "beat", "worker"):
            by_name[name].stop()

    def _start(self, service: Service) -> None:
        self.watches.append(Watch(service))
        service.start()

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while (answer := web_says(self.env["BASE_URL"])) != "200":
            for watch in self.watches:
                watch.mind()
            if time.monotonic() > deadline:
                raise StackError(f"The web was not ready after {READY_SECONDS:.0f} s; /readyz says: {answer}")
            time.sleep(0.05)


def web_says(base_url: str) -> str:
    """Return the status of /readyz, with what it complains of if it is not 200."""
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return "200" if answer.status == 200 else f"{answer.status} {answer.read(500)!r}"
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
    finally:
        connection.close()


def prepare(venv: VirtualEnvironment, env: Mapping[str, str], *options: str) -> str:
    """Migrate, and load the sample data into an empty database; return what that printed.

    :raises StackError: if that fails.
    """
    done = subprocess.run(
        programs.manage(venv, "prepare_stack", *options),
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dying_with_us(),
    )
    if done.returncode != 0:
        raise StackError(f"{done.stdout}The database could not be prepared: see the lines above.")
    return done.stdout.strip("\n")
