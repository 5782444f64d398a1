#!/usr/bin/env python
"""Run a management command of the shop."""

import os
import sys

try:
    from django.core.management import execute_from_command_line
except ModuleNotFoundError:
    sys.exit('This Python has no Django: use `.venv/bin/python manage.py …` or `make manage ARGS="…"`.')


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.local")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
