"""The scripts that ship models still find all that they import."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPING = sorted((ROOT / "scripts").glob("ship_*.py"))


@pytest.mark.parametrize("script", SHIPPING, ids=lambda path: path.stem)
def test_shipping_begins(script):
    """Run once in months, they are the first to be forgotten when something is moved."""
    told = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "usage:" in told.stdout
