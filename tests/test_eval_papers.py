"""Papers' sentences: our figures come from result files alone, and what is missing says why."""

import csv
import json
import statistics
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from lineament.cli.app import run
from lineament.errors import BadInput
from lineament.evaluation.papers import (
    find_results,
    list_papers,
    read_figure,
    read_ours,
    read_paper,
    write_paper_page,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TABLE = tomllib.loads(
    (resources.files("lineament.evaluation") / "papers.toml").read_text(encoding="utf-8")
)


def entries():
    for name, paper in TABLE.items():
        for row in paper["sentences"]:
            yield from ((name, entry) for entry in row["ours"])


def test_every_sentence_says_where_ours_stands_and_what_it_needs():
    assert set(list_papers()) == {"favchat", "unif2ace", "rs-gpt4v"}
    for paper in TABLE.values():
        for row in paper["sentences"]:
            assert row["says"]
            assert row["needs"]
            assert row["ours"]
            assert all(entry["source"] for entry in row.get("theirs", ()))
    for name, entry in entries():
        # A figure of ours is never typed: the table may not even have a place for one.
        assert set(entry) <= {"name", "file", "path", "where", "column"}, (name, entry)


def test_every_file_that_is_there_holds_the_entry_named():
    found = [read_ours(entry, RESULTS) for _, entry in entries()]
    there = [own for own in found if (RESULTS / own.file).is_file()]
    assert len(there) >= 10
    assert [own for own in there if not own.is_measured] == []
    assert not any(own.is_measured for own in found if not (RESULTS / own.file).is_file())


@pytest.mark.parametrize(
    ("found", "figure"),
    [
        (5, (5.0, None, None)),
        (0.25, (0.25, None, None)),
        ("0.760 [0.739, 0.780], 4497 items", (0.76, 0.739, 0.78)),
        ("13 of 14", (13.0, None, None)),
        ({"value": 0.5, "low": 0.4, "high": 0.6}, (0.5, 0.4, 0.6)),
        ({"value": None, "low": None, "high": None}, (None, None, None)),
        ("nothing", (None, None, None)),
        (True, (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_figures_are_read_in_every_shape_that_result_files_have(found, figure):
    assert read_figure(found)[:3] == figure


def make_results(folder: Path) -> Path:
    folder.mkdir()
    flags = {"model": "0.5 [0.4, 0.6], 9 items", "without face": 0.3, "without general": 0.4}
    table = {"real pictures": {"balanced_accuracy": {**flags, "blind": 0.1}}}
    (folder / "chat_tiny.json").write_text(json.dumps(table))
    row = {"metrics": {"uar": {"value": 41.5, "low": 40.0, "high": 43.0}}}
    (folder / "eval-dfew.json").write_text(json.dumps(row))
    columns = ("arm", "seed", "frechet_distance", "understanding_accuracy")
    with (folder / "loss_study.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for arm, values in (("masked only", (3.0, 4.5)), ("score only", (9.0,))):
            for seed, value in enumerate(values):
                writer.writerow(dict(zip(columns, (arm, seed, value, ""), strict=True)))
    return folder


def test_our_figures_follow_the_files(tmp_path):
    folder = make_results(tmp_path / "results")
    paper = read_paper("paper:favchat", folder)
    streams = paper.sentences[2]
    assert [own.value for own in streams.ours] == [0.5, 0.3, 0.4, 0.1]
    assert (streams.ours[0].low, streams.status) == (0.4, "ours is measured")
    dfew = paper.sentences[6]
    assert dfew.ours[0].value == 41.5
    assert dfew.status.startswith("in part; the rest needs")
    assert paper.sentences[0].status.startswith("not run, needs")
    changed = {"metrics": {"uar": {"value": 7.0}}}
    (folder / "eval-dfew.json").write_text(json.dumps(changed))
    assert read_paper("favchat", folder).sentences[6].ours[0].value == 7.0
    means = {own.name: own.value for own in read_paper("unif2ace", folder).sentences[1].ours}
    assert means["Fréchet distance, masked prediction alone"] == statistics.mean((3.0, 4.5))
    assert means["Fréchet distance, score matching alone"] == 9.0
    assert means["Fréchet distance, both"] is None


def test_json_table_and_page_show_the_same(tmp_path, capsys):
    folder, out = make_results(tmp_path / "results"), tmp_path / "out"
    assert run(["eval", "paper:favchat", "--data", str(folder), "--out", str(out), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row == json.loads((out / "result.json").read_text())
    assert {"task", "model", "num_items", "metrics", "seconds"} <= set(row)
    assert row["metrics"]["7/DFEW UAR"] == {"value": 41.5, "low": 40.0, "high": 43.0}
    assert "7/DFEW WAR" not in row["metrics"]
    page = (out / "index.html").read_text(encoding="utf-8")
    for text in ("70.01", "41.5", "40 to 43", "not run", "the DFEW clips, on request"):
        assert text in page
    assert run(["eval", "paper:favchat", "--data", str(folder)]) == 0
    table = capsys.readouterr().out
    assert "79.79" in table
    assert "41.5" in table


def test_a_page_of_the_repositorys_own_results_can_be_made(tmp_path):
    for name in list_papers():
        paper = read_paper(name, find_results())
        path = write_paper_page(tmp_path / f"{name}.html", paper)
        assert paper.sentences[0].says.split(",")[0] in path.read_text(encoding="utf-8")


def test_wrong_names_folders_and_damaged_files_are_one_clear_error(tmp_path, capsys):
    with pytest.raises(BadInput, match="unknown paper 'favchatt'") as caught:
        read_paper("paper:favchatt", RESULTS)
    assert "favchat" in caught.value.hint
    with pytest.raises(BadInput, match="no folder of result files"):
        read_paper("favchat", tmp_path / "nowhere")
    folder = make_results(tmp_path / "results")
    (folder / "eval-mafw.json").write_text("{")
    with pytest.raises(BadInput, match=r"eval-mafw\.json: is no result file"):
        read_paper("favchat", folder)
    assert run(["eval", "paper:nothing"]) == 2
    assert "unknown paper" in capsys.readouterr().err
