"""The acceptance test for doubles, through the real SDK, over the port."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shop.devstripe.server import Server

CONFORMANCE = Path(__file__).parents[4] / "shared" / "stripe" / "double_conformance.py"


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the acceptance tools are not beside this checkout")
def test_every_conformance_check_works(server: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    subprocess.run([sys.executable, CONFORMANCE, server.url, "--json", report], check=False, timeout=120)

    rows = json.loads(report.read_text())
    assert len(rows) >= 43
    assert [(row["check"], row["note"]) for row in rows if row["verdict"] != "works"] == []
