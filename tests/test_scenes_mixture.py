"""RS-GPT4V's composition: exact sizes, all tasks of a picture together, resumed and counted."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.recipes.builds import BUILDS
from lineament.recipes.llava_rs import TASKS
from lineament.records.build import BuildSettings, build
from lineament.records.sources.scenes.adapt import labels_from_record
from lineament.records.sources.scenes.blend import RS_GPT4V_BUILD, RS_GPT4V_WRITTEN
from lineament.records.sources.scenes.mixture import (
    PAPER_TEST,
    PAPER_TRAIN,
    RS_GPT4V,
    WRITTEN_TEST,
    WRITTEN_TRAIN,
)
from lineament.records.sources.scenes.tally import FIXTURE, REAL, tally_store, write_tally
from lineament.records.store import RecordStore

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import scenes_fixtures as FIXTURES
import scenes_mixture as mixture

SCALE = 0.002


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("sources")
    FIXTURES.write_fixtures(out, scale=SCALE)
    return out


@pytest.fixture(scope="module")
def stores(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    for split in ("train", "test"):
        build(RS_GPT4V_BUILD, data, out / split, BuildSettings(split=split))
    return {split: RecordStore(out / split) for split in ("train", "test")}


def test_published_rows_and_what_is_written_add_up_to_the_papers_totals():
    own = [one for one in RS_GPT4V.ingredients if one.is_in_paper]
    train = [sum(one.train[i] for one in own) + WRITTEN_TRAIN[i] for i in (0, 1)]
    test = [sum(one.test[i] for one in own) + WRITTEN_TEST[i] for i in (0, 1)]
    assert tuple(train) == PAPER_TRAIN
    # NWPU-Captions' test part is printed with 1,093 pairs for 3,150 pictures.
    assert (test[0], test[1] + 3150 - 1093) == PAPER_TEST
    assert BUILDS["rs-gpt4v"] is RS_GPT4V_BUILD


def test_plans_hand_out_exactly_what_is_written_and_scale_evenly():
    for split, (pictures, pairs) in (("train", WRITTEN_TRAIN), ("test", WRITTEN_TEST)):
        written = RS_GPT4V_WRITTEN[split]
        plans = [written.plan(number) for number in range(written.num_pictures)]
        described = sum(plan.num_descriptions for plan in plans)
        rounds = [plan.num_rounds for plan in plans if plan.num_rounds]
        assert described + len(rounds) == pictures
        assert described + sum(rounds) == pairs
        assert max(rounds) - min(rounds) <= 1
    first = [RS_GPT4V_WRITTEN["train"].plan(number) for number in range(95)]
    assert abs(sum(plan.num_rounds for plan in first) - 0.01 * 62_066) < 7


def test_every_source_gives_the_pictures_and_pairs_it_has_at_this_size(stores):
    rows = tally_store(stores["train"], RS_GPT4V, "train")
    found = {(row.task, row.source): (row.pictures, row.pairs) for row in rows}
    expected = {
        ("caption", name): FIXTURES.scaled(parts["train"], SCALE)
        for name, parts in {**FIXTURES.CAPTIONS, "nwpu-captions": FIXTURES.NWPU}.items()
    }
    expected |= {
        ("vqa", name): FIXTURES.scaled(parts["train"], SCALE)
        for name, parts in FIXTURES.RSVQA.items()
    }
    expected[("vqa", "floodnet")] = FIXTURES.scaled(FIXTURES.FLOODNET, SCALE)
    expected[("vqa", "rsivqa")] = FIXTURES.scaled(FIXTURES.RSIVQA, SCALE)
    expected[("grounding", "dior-rsvg")] = FIXTURES.scaled(FIXTURES.DIOR_TRAIN, SCALE)
    expected[("region", "dior-rsvg")] = FIXTURES.scaled(FIXTURES.DIOR_TRAIN, SCALE)
    plans = [RS_GPT4V_WRITTEN["train"].plan(n) for n in range(expected["region", "dior-rsvg"][0])]
    expected[("written", "dior-rsvg")] = (
        sum(plan.num_descriptions + bool(plan.num_rounds) for plan in plans),
        sum(plan.num_descriptions + plan.num_rounds for plan in plans),
    )
    assert found == expected
    assert {row.origin for row in rows} == {FIXTURE}
    assert f"| {PAPER_TRAIN[0]:,} | {PAPER_TRAIN[1]:,} |" in write_tally(rows, "train")


def test_the_recipe_routes_every_kind_that_the_mixture_gives(stores):
    assert set(stores["train"].column("kind")) <= set(TASKS)


def test_real_rows_are_told_from_fixture_rows(data, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(data, mixed)
    (mixed / "rsicd" / "fixture.json").unlink()  # as if these were the real files
    build(RS_GPT4V_BUILD, mixed, tmp_path / "out", BuildSettings(split="test"))
    rows = tally_store(RecordStore(tmp_path / "out"), RS_GPT4V, "test")
    assert {row.source for row in rows if row.origin == REAL} == {"rsicd"}
    assert {row.source for row in rows if row.origin == FIXTURE} > {"rsvqa-lr", "dior-rsvg"}


def test_no_picture_is_in_train_and_in_test(data):
    keys = {
        split: {row.split_key for row in RS_GPT4V_BUILD.read(data, split)
                if isinstance(row, Annotation)}
        for split in ("train", "test")
    }  # fmt: skip
    assert keys["train"]
    assert keys["test"]
    assert not keys["train"] & keys["test"]


def test_a_test_picture_is_asked_once_with_all_captions_as_right_answers(stores):
    records = [record for record in stores["test"] if record.kind == "image_caption"]
    assert len({record.media for record in records}) == len(records)
    (label,) = labels_from_record(records[0])
    assert label.answer
    assert len(label.references) >= 1
    assert label.answer not in label.references


def test_everything_about_one_picture_is_written_from_all_its_boxes(stores):
    kinds: dict[str, set[str]] = {}
    for record in stores["train"]:
        if record.media.startswith("dior-rsvg/"):
            kinds.setdefault(record.media, set()).add(record.kind)
    assert any(
        {"grounding", "region_caption", "scene_dialogue"} <= own
        and own & {"scene_local", "scene_global"}
        for own in kinds.values()
    )
    told = " ".join(r.turns[1].text for r in stores["train"] if r.kind == "scene_global")
    assert "There are" in told  # numbers need the detection set: phrases do not list every object


def test_a_stopped_build_goes_on_to_the_same_records(data, stores, tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.records.gather.SHARD_ROWS", 64)

    def stop(count):
        if count > 60:
            raise KeyboardInterrupt

    settings = BuildSettings(split="train")
    with pytest.raises(KeyboardInterrupt):
        build(RS_GPT4V_BUILD, data, tmp_path / "out", settings, on_annotations=stop)
    result = build(RS_GPT4V_BUILD, data, tmp_path / "out", settings)
    assert result.is_resumed
    assert RecordStore(tmp_path / "out").column("id") == stores["train"].column("id")


def test_a_missing_source_is_named(data, tmp_path):
    partial = tmp_path / "partial"
    shutil.copytree(data, partial)
    shutil.rmtree(partial / "floodnet")
    with pytest.raises(BadInput, match="floodnet"):
        next(iter(RS_GPT4V_BUILD.read(partial, "train")))


def test_fixtures_are_marked_with_seed_and_scale(data):
    mark = json.loads((data / "nwpu-captions" / "fixture.json").read_text())
    assert mark["scale"] == SCALE
    assert mark["seed"] == 0


def tree_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("stopped_at", ["write_nwpu", "write_dior", "write_voc"])
def test_drawing_that_was_stopped_goes_on_and_no_drawn_row_counts_as_real(
    data, tmp_path, monkeypatch, stopped_at
):
    draw, seen = getattr(FIXTURES, stopped_at), []

    def stop(*values):
        draw(*values)
        seen.append(1)
        if len(seen) == (1 if stopped_at != "write_voc" else 9):
            raise KeyboardInterrupt  # the rows are written, the mark is not

    with monkeypatch.context() as patch:
        patch.setattr(FIXTURES, stopped_at, stop)
        with pytest.raises(KeyboardInterrupt):
            FIXTURES.write_fixtures(tmp_path, scale=SCALE)
    whole = [folder for folder in tmp_path.iterdir() if folder.suffix != ".draft"]
    assert all((folder / "fixture.json").is_file() for folder in whole)
    made = FIXTURES.write_fixtures(tmp_path, scale=SCALE)
    assert set(made.values()) == {"fixture"}
    assert tree_of(tmp_path) == tree_of(data)


def test_another_scale_or_seed_or_a_broken_mark_is_drawn_anew(tmp_path):
    FIXTURES.write_fixtures(tmp_path, scale=0.001)
    before = tree_of(tmp_path / "floodnet")
    FIXTURES.write_fixtures(tmp_path, scale=0.001)
    assert tree_of(tmp_path / "floodnet") == before
    for options in ({"scale": 0.002}, {"scale": 0.002, "seed": 1}):
        FIXTURES.write_fixtures(tmp_path, **options)
        mark = json.loads((tmp_path / "floodnet" / "fixture.json").read_text())
        assert mark["scale"] == 0.002
        assert mark["seed"] == options.get("seed", 0)
        assert tree_of(tmp_path / "floodnet") != before
        before = tree_of(tmp_path / "floodnet")
    (tmp_path / "floodnet" / "fixture.json").write_text("{")
    assert FIXTURES.write_fixtures(tmp_path, scale=0.002, seed=1)["floodnet"] == "fixture"
    assert tree_of(tmp_path / "floodnet") == before


def test_real_files_replace_a_drawn_folder_whole_and_are_left_alone(tmp_path):
    (tmp_path / "RS" / "rsivqa" / "HRRSD").mkdir(parents=True)
    (tmp_path / "RS" / "rsivqa" / "HRRSD" / "opt_val_vqa.txt").write_text("00001: a?no\n")
    data = tmp_path / "data"
    FIXTURES.write_fixtures(data, scale=0.001)
    (data / "rsivqa" / "HRRSD" / "more.txt").write_text("drawn, too\n")
    made = FIXTURES.write_fixtures(data, real=tmp_path / "RS", scale=0.001)
    assert {name for name, what in made.items() if what == "real"} == {"rsivqa"}
    assert tree_of(data / "rsivqa") == {Path("HRRSD/opt_val_vqa.txt"): b"00001: a?no\n"}
    (data / "rsivqa" / "HRRSD" / "own.txt").write_text("mine\n")
    for real in (tmp_path / "RS", None):  # another seed draws all that is not real anew
        made = FIXTURES.write_fixtures(data, real=real, scale=0.001, seed=7)
        assert made["rsivqa"] == "real"
        assert (data / "rsivqa" / "HRRSD" / "own.txt").is_file()


def test_boxes_are_never_drawn_beside_real_phrases(tmp_path):
    (tmp_path / "dior-rsvg" / "Annotations").mkdir(parents=True)
    with pytest.raises(SystemExit, match="bring both, or neither"):
        FIXTURES.write_fixtures(tmp_path, scale=0.001)
    assert not (tmp_path / "dior").exists()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Run the one command from nothing; return its folder, exit code and result."""
    place = tmp_path_factory.mktemp("mixture")
    return place, *run_mixture(place)


def run_mixture(place, *options):
    result = place / "result.json"
    texts = [place / "data", place / "out", "--scale", SCALE, "--result", result, *options]
    code = mixture.main([str(text) for text in texts])
    return code, json.loads(result.read_text())


def test_one_command_draws_builds_counts_and_checks_every_written_record(mixed):
    place, code, found = mixed
    assert code == 0
    assert found["command"].endswith("scenes_mixture.py DATA OUT --scale 0.002")
    for split in ("train", "test"):
        store = RecordStore(place / "out" / split)
        written = [r for r in store if not r.provenance["writer"].startswith("adapted")]
        checked = found[split]["second_check"]
        assert checked["records"] == len(written) > 0
        assert checked["answers"] == sum(len(r.turns) // 2 for r in written)
        assert (checked["wrong"], checked["unread"], checked["skipped"]) == (0, 0, 0)
        assert checked["planted"] == checked["planted_found"]
        pairs = sum(row["pairs"] for row in found[split]["rows"])
        assert pairs == sum(len(r.turns) // 2 for r in store)
        principles = found[split]["principles"]
        assert principles["unity"] == 1
        assert principles["labels_compared"] == len(store) - len(written)
    assert found["train"]["principles"]["paraphrase_agreement"] > 0.9


@pytest.mark.long
def test_the_command_again_builds_nothing_and_finds_the_same(mixed):
    place, _, found = mixed
    code, again = run_mixture(place)
    assert code == 0
    assert again["train"]["resumed"]
    assert again["train"]["second_check"] == found["train"]["second_check"]


def test_records_of_other_labels_are_not_counted_as_of_these(data, tmp_path):
    made = dict.fromkeys(("floodnet", "rsicd"), "fixture")
    drawn = shutil.copytree(data, tmp_path / "data")
    for _ in range(2):
        mixture.require_same_data(drawn, tmp_path / "out", made)
    (drawn / "rsicd" / "fixture.json").unlink()  # as if real files had come
    with pytest.raises(SystemExit, match="built from other labels: rsicd"):
        mixture.require_same_data(drawn, tmp_path / "out", made)


@pytest.mark.long
def test_a_box_that_was_moved_after_writing_makes_the_command_fail(mixed, tmp_path):
    place = shutil.copytree(mixed[0], tmp_path / "moved")
    for path in (place / "data" / "dior" / "Annotations").glob("*.xml"):
        path.write_text(path.read_text().replace("<name>vehicle</name>", "<name>ship</name>"))
    code, found = run_mixture(place)
    assert code == 1
    assert found["train"]["second_check"]["wrong"] > 0
