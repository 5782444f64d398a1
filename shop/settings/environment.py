"""The one reader of environment variables, and the folder that everything else is relative to."""

from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = Env()
