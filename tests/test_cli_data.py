"""``lineament data``: stats, verify, export, import and show on a built data set."""

import json

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.cli.app import run
from lineament.records.build import build
from lineament.records.sources.table import require_source
from lineament.records.store import open_records


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    faces = root / "faces"
    faces.mkdir()
    with (faces / "faces.jsonl").open("w") as file:
        for number in range(10):
            facts = (Fact("male", number % 2 == 0), Fact("smile", number % 3 == 0))
            closed = frozenset(("beard", "wearing_hat", "bald", "eyeglasses"))
            row = Annotation(
                f"{number}.png", (Subject("face 0"),), facts, closed, split_key=f"p{number}"
            )
            file.write(json.dumps(row.to_dict()) + "\n")
    build(require_source("folder"), faces, root / "built")
    return root


def data(capsys, *arguments):
    code = run(["data", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_stats_count_and_write_a_card_with_plots(capsys, built, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = data(capsys, "stats", built / "built", "--out", tmp_path / "card", "--json")
    row = json.loads(out)
    records = list(open_records(built / "built"))
    assert code == 0
    assert row["records"] == len(records)
    assert row["annotations"] == 10
    assert row["turns"] == sum(len(record.turns) // 2 for record in records)
    assert set(row["principles"]) == {
        "unity", "diversity", "correctness", "complexity", "richness", "robustness",
    }  # fmt: skip
    assert row["principles"]["unity"] == row["principles"]["correctness"] == 1.0
    assert row["facts_a_description"] >= 3
    card = (tmp_path / "card" / "CARD.md").read_text()
    assert f"| records | {len(records):,} |" in card
    assert len(list((tmp_path / "card").glob("*.png"))) == 6


def test_stats_for_a_person(capsys, built):
    code, out, _ = data(capsys, "stats", built / "built")
    assert code == 0
    assert "principles:" in out


def test_verify_finds_a_fresh_build_faultless(capsys, built):
    code, out, _ = data(capsys, "verify", built / "built", "--data", built / "faces", "--json")
    row = json.loads(out)
    assert code == 0
    assert row["supported"] > 100
    assert (row["contradicted"], row["unsupported"], row["faults"]) == (0, 0, {})


def test_verify_against_itself_finds_shared_people(capsys, built):
    code, out, _ = data(capsys, "verify", built / "built", "--against", built / "built", "--json")
    assert code == 1
    assert json.loads(out)["shared_people"] == 10


@pytest.mark.parametrize("layout", ["llava", "sharegpt"])
def test_export_and_import_keep_every_record(capsys, built, tmp_path, layout):
    code, out, _ = data(
        capsys, "export", built / "built", layout, "--out", tmp_path / "x.json", "--json"
    )
    assert code == 0
    count = json.loads(out)["records"]
    code, out, _ = data(
        capsys, "import", tmp_path / "x.json", "--out", tmp_path / "again", "--json"
    )
    assert code == 0
    assert json.loads(out) == {
        "out": str(tmp_path / "again"), "records": count, "dropped": {},
    }  # fmt: skip
    assert list(open_records(tmp_path / "again")) == list(open_records(built / "built"))


def test_the_best_share_is_exported_alone(capsys, built, tmp_path):
    path = tmp_path / "x.json"
    code, _, _ = data(
        capsys, "export", built / "built", "llava", "--out", path, "--best", "0.25", "--json"
    )
    assert code == 0
    whole = sorted(record.quality for record in open_records(built / "built"))
    rows = json.loads(path.read_text())
    assert len(rows) == round(len(whole) * 0.25)
    assert min(row["lineament"]["quality"] for row in rows) >= whole[len(whole) // 2]


def test_show_writes_a_page_with_the_picture(capsys, built, tmp_path, gradient_picture):
    media = tmp_path / "media"
    media.mkdir()
    (media / "0.png").write_bytes(gradient_picture.read_bytes())
    code, out, _ = data(
        capsys, "show", built / "built", "--out", tmp_path / "page", "--data", media,
        "--count", 30, "--json",
    )  # fmt: skip
    page = (tmp_path / "page" / "index.html").read_text()
    assert code == 0
    assert json.loads(out)["records"] == 30
    assert "data:image/jpeg;base64" in page
    first = next(iter(open_records(built / "built")))
    assert first.turns[0].text.split("'")[0] in page
    assert "1.png" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "{tmp}/nowhere"], "no such folder"),
        (["verify", "{tmp}"], "holds no manifest.json"),
        (["export", "{tmp}", "llava", "--out", "x.json"], "holds no manifest.json"),
        (["export", "{built}/built", "yaml", "--out", "x.json"], "yaml"),
        (["show", "{built}/built", "--out", "{tmp}/p", "--kind", "poem"], "no record of kind"),
        (["import", "{tmp}/no.json", "--out", "{tmp}/o"], "no.json"),
    ],
)
def test_bad_input_is_one_line_with_a_hint(capsys, built, tmp_path, arguments, message):
    filled = [part.format(tmp=tmp_path, built=built) for part in arguments]
    code, out, err = data(capsys, *filled)
    assert code == 2
    assert out == ""
    assert message in err.splitlines()[0]
