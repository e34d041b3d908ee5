"""Result files that papers.toml names are those that the benchmark scripts write."""

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from lineament.evaluation.tasks.table import TASKS
from lineament.records.write.scenes.principles import Principles

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
TABLE = tomllib.loads(
    (resources.files("lineament.evaluation") / "papers.toml").read_text(encoding="utf-8")
)
SENTENCES = [row for paper in TABLE.values() for row in paper["sentences"]]
ENTRIES = [(row, entry) for row in SENTENCES for entry in row["ours"]]
MEASURED = [(row, entry) for row, entry in ENTRIES if not entry["file"].startswith("eval-")]
EVALUATED = [(row, entry) for row, entry in ENTRIES if entry["file"].startswith("eval-")]


def name_of(pair) -> str:
    return f"{pair[1]['file']}: {pair[1]['name']}"


def find_script(file: str) -> Path:
    return BENCHMARKS / f"{Path(file).stem}.py"


@pytest.mark.parametrize("pair", MEASURED, ids=name_of)
def test_a_measured_file_is_what_the_script_of_its_name_writes(pair):
    row, entry = pair
    script = find_script(entry["file"])
    assert script.is_file()
    assert f'"{entry["file"]}"' in script.read_text(encoding="utf-8")
    # Where it is missing, the sentence has to say which script makes it.
    assert f"benchmarks/{script.name}" in row["needs"]


@pytest.mark.parametrize(
    "pair", [pair for pair in MEASURED if pair[1]["file"].endswith(".csv")], ids=name_of
)
def test_the_rows_and_columns_of_a_table_are_the_scripts_own(pair):
    _, entry = pair
    script = find_script(entry["file"]).read_text(encoding="utf-8")
    told = (BENCHMARKS / "ablation_arms.py").read_text(encoding="utf-8")
    source = told if "ablations" in entry["file"] else script
    arms = re.findall(r"^(?:ARMS|EYES|TALK)\b.*?^\}", source, re.DOTALL | re.MULTILINE)
    assert f'"{entry["where"]["arm"]}":' in "".join(arms)
    tables = (BENCHMARKS / "ablation_table.py").read_text(encoding="utf-8")
    assert f'"{entry["column"]}"' in (tables if "ablations" in entry["file"] else script)


@pytest.mark.parametrize("pair", EVALUATED, ids=name_of)
def test_an_evaluations_file_bears_the_name_of_its_task_and_metric(pair):
    row, entry = pair
    assert entry["path"][0] == "metrics"
    assert len(entry["path"]) == 2
    name = entry["file"].removeprefix("eval-").removesuffix(".json")
    task = name if name in TASKS else name.rpartition("-")[0]  # drawings-vqa
    assert task in TASKS
    assert f"lineament eval {task}" in row["needs"]


def test_what_is_read_of_mixtures_are_its_principles():
    fields = set(Principles.__dataclass_fields__)
    rows = [entry for _, entry in MEASURED if entry["file"] == "scenes_mixture.json"]
    assert rows
    for entry in rows:
        split, part, field = entry["path"]
        assert (split, part) == ("train", "principles")
        assert field in fields
