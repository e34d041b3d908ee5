"""A build killed with SIGKILL loses nothing that was finished and pays for nothing twice."""

import importlib.util
import random
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "build_kill.py"


def test_five_kills_lose_nothing_and_pay_nothing_twice(tmp_path):
    spec = importlib.util.spec_from_file_location("build_kill", SCRIPT)
    build_kill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_kill)
    build_kill.write_annotations(tmp_path / "faces", 120)
    books = tmp_path / "books"
    kills = build_kill.kill_until(
        tmp_path / "faces", tmp_path / "out", books, 5, random.Random(1), 0.01
    )
    assert kills == 5
    whole = build_kill.start_build(tmp_path / "faces", tmp_path / "whole", tmp_path / "b", 0.0)
    assert whole.wait() == 0
    result = build_kill.compare(tmp_path / "out", tmp_path / "whole", books)
    assert result["records"] > 500
    assert (result["records_lost"], result["records_twice"], result["records_changed"]) == (0, 0, 0)
    assert result["entered_twice"] == 0
    assert result["paid_again"] <= kills
