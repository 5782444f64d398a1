"""`python -m shop.devstack COMMAND`: the local stack from the command line."""

import argparse
import os
import sys

from shop.devstack import checks, commands, drills, environment, programs, virtualenv
from shop.devstack.project import ROOT, StackError

# these pass every argument on, `--help` included, so argparse must not see them
PASSING_ON = ("manage", "test", "python", *drills.MODULES)
COMMANDS = {
    "run": "start everything and stay",
    "web": "run the web alone",
    "worker": "run the task worker alone",
    "beat": "run the timetable alone",
    "devstripe": "run the local Stripe alone",
    "manage": "run a management command: manage ARGS…",
    "test": "run all checks and tests, or only pytest with ARGS…",
    "demo": "run the demonstration",
    "smoke": "run the smoke test at Stripe itself, with your own test key",
    "chaos": "break payments on purpose and balance the books: chaos --seed 1 --runs 500",
    "chaos-refills": "kill workers while refills are charged: chaos-refills --seed 1 --refills 300",
    "bench-inventory": "measure reserve and release beside the bare statements",
    "bench-orders": "find orders in the admin among a million",
    "bench-refills": "plan and claim refills among a million subscriptions",
    "env": "print the running stack's environment",
    "stop": "stop the running stack",
    "python": "run the project's Python: python ARGS…",
}


def main() -> int:
    """Run one command and return its exit code."""
    command, arguments = _parse(sys.argv[1:])
    os.chdir(ROOT)
    try:
        return _dispatch(command, arguments)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parse(argv: list[str]) -> tuple[str, list[str]]:
    if argv and argv[0] in PASSING_ON:
        return argv[0], argv[1:]
    listing = "\n".join(f"  {name:<16} {meaning}" for name, meaning in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m shop.devstack",
        description=f"The local stack.\n\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    return parser.parse_args(argv).command, []


def _dispatch(command: str, arguments: list[str]) -> int:
    if command == "env":
        return commands.show_environment()
    if command == "stop":
        return commands.stop()
    venv = virtualenv.ensure()
    if command == "test":
        return checks.run(venv, arguments)
    if command in drills.MODULES:
        return drills.run(venv, command, arguments)
    if command == "python":
        return commands.python(venv, arguments)
    caller = environment.callers_environment()
    if command == "manage":
        return commands.manage(venv, caller, arguments)
    if command in programs.NAMES:
        return commands.one_process(venv, caller, command)
    return {
        "run": commands.run,
        "demo": commands.demo,
        "smoke": commands.smoke,
        "devstripe": commands.devstripe,
    }[command](venv, caller)


if __name__ == "__main__":
    sys.exit(main())
