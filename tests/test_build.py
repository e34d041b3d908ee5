"""The build: the same records however it runs, bad rows counted, resumable, duplicates found."""

import dataclasses
import gc
import json
from pathlib import Path, PurePosixPath

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import read_claims
from lineament.claims.scenes_read import read_scene_claims
from lineament.errors import BadInput, BadStore, LineamentError
from lineament.records import build as build_module
from lineament.records import gather
from lineament.records.audit import audit_store, find_shared_people
from lineament.records.build import BuildSettings, build
from lineament.records.chunk import count_signs, without_collector
from lineament.records.dry_run import dry_run
from lineament.records.duplicates import NearIndex, sign_text, similarity, split_alike
from lineament.records.ledger import Ledger
from lineament.records.media import leaves_folder
from lineament.records.mixture import read_mixture
from lineament.records.quality import Prior, QualityScorer, choose_best, count_prior
from lineament.records.record import ONE_FACT, Record, Turn, claim_row
from lineament.records.sources.scenes.label import Label, label_extra
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import require_source
from lineament.records.store import RecordStore, open_records
from lineament.records.verify import Verifier
from lineament.records.workers import map_here
from lineament.records.writers import Outcome


def face(number, **changes):
    facts = [
        Fact("male", number % 2 == 0),
        Fact("smile", number % 3 == 0),
        Fact(("brown_hair", "black_hair", "blonde_hair")[number % 3], True),
        Fact("eyeglasses", number % 5 == 0),
        Fact("age_years", 20.0 + number % 40),
    ]
    closed = frozenset(("wearing_hat", "beard", "sunglasses", "wearing_mask", "bald"))
    row = Annotation(
        f"{number}.png", (Subject("face 0"),), tuple(facts), closed, split_key=f"p{number}"
    )
    return dataclasses.replace(row, **changes)


@dataclasses.dataclass(frozen=True)
class Listed:
    """A source of rows that are given to it."""

    rows: tuple = tuple(face(number) for number in range(40))
    name: str = "listed"
    licence: str = "CC0"
    splits: tuple[str, ...] = ("train", "dev")
    needs_folder: bool = False

    def read(self, folder: Path, split: str):
        yield from self.rows


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(build_module, "CHUNK_ITEMS", 5)
    monkeypatch.setattr(gather, "SHARD_ROWS", 100)


def ids(folder):
    return sorted(record.id for record in open_records(folder))


def test_every_record_of_a_build_is_verified_and_told_where_it_is_from(tmp_path):
    result = build(Listed(), None, tmp_path / "out")
    row = result.to_dict()
    records = list(open_records(tmp_path / "out"))
    assert row["annotations"] == 40
    assert row["records"] == len(records) == len({record.id for record in records})
    assert row["turns"] == sum(len(record.turns) // 2 for record in records)
    assert row["verdicts"].keys() == {"supported"}
    assert row["positive_answers"] > 0
    assert row["negative_answers"] > 0
    assert row["annotations_under_10_answers"] == 0
    origin = records[0].provenance
    assert (origin["source"], origin["split"], origin["split_key"]) == ("listed", "train", "p0")
    assert all(record.claims for record in records if record.kind != "unanswerable")
    assert all(0 <= record.quality <= 1 for record in records)


def test_processes_give_the_same_files_as_one(tmp_path):
    build(Listed(), None, tmp_path / "one")
    build(Listed(), None, tmp_path / "two", num_workers=2)
    shards = [
        [shard.digest for shard in RecordStore(tmp_path / name).manifest.shards]
        for name in ("one", "two")
    ]
    assert shards[0] == shards[1]
    assert len(shards[0]) > 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_same_records_as_a_local_run(tmp_path):
    pytest.importorskip("ray.data")
    few = Listed(tuple(face(number) for number in range(8)))
    build(few, None, tmp_path / "here")
    build(few, None, tmp_path / "ray", ray_address="local")
    key = lambda record: record.id  # noqa: E731
    assert sorted(open_records(tmp_path / "ray"), key=key) == sorted(
        open_records(tmp_path / "here"), key=key
    )


def test_a_worker_that_dies_is_one_error():
    with pytest.raises(LineamentError, match="worker process"):
        list(map_here(die, range(4), num_workers=2))


def die(number):
    import os

    os._exit(9)


def test_kinds_limit_and_cap_are_kept(tmp_path):
    settings = BuildSettings(kinds=("caption", "yes_no"), limit=7, max_turns=4)
    row = build(Listed(), None, tmp_path / "out", settings).to_dict()
    assert row["annotations"] == 7
    assert set(row["kinds"]) == {"caption", "yes_no"}
    assert row["most_turns_an_annotation"] == 4
    assert row["dropped"]["over the cap of turns"] > 0


def test_labels_alike_short_blank_or_many_are_all_kept(tmp_path):
    texts = ("A bridge .", "a bridge .", "A bridge", "", "yes", "{lake}  x")
    captions = [Label("caption", answer=text, row=str(n)) for n, text in enumerate(texts)]
    questions = [Label("vqa", "Is it flooded?", "yes", row=str(n)) for n in range(100)]
    rows = tuple(
        Annotation(f"{n}.jpg", (Subject("scene"),), extra=label_extra((*captions, *questions)))
        for n in range(7)
    )
    settings = BuildSettings(kinds=("adapted",), max_turns=4, drop_near=True)
    row = build(Listed(rows), None, tmp_path / "out", settings).to_dict()
    assert (row["annotations"], row["turns"], row["dropped"]) == (7, 7 * 106, {})
    assert row["records"] == 7 * (len(texts) + 100)  # no record asks a question twice
    assert dry_run(Listed(rows), None, settings)["turns"] == 7 * 106
    again = dataclasses.replace(settings, seed=1)
    assert build(Listed(rows), None, tmp_path / "b", again).to_dict()["turns"] == 7 * 106
    assert ids(tmp_path / "out") != ids(tmp_path / "b")


@pytest.mark.shared
def test_the_real_captions_of_sydney_give_the_published_counts(tmp_path):
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"
    data = shared / "captions_precomp" / "sydney"
    if not data.is_dir():
        pytest.skip(f"the real captions are not here: {data}")
    settings = BuildSettings(split="train", kinds=("adapted",))
    row = build(require_source("sydney-captions"), data, tmp_path / "out", settings).to_dict()
    assert (row["annotations"], row["turns"]) == (497, 2294)
    assert row["dropped"] == {"duplicate row": 191}


def test_unknown_kinds_writers_and_splits_are_refused(tmp_path):
    for settings, message in (
        (BuildSettings(kinds=("capton",)), "unknown kind 'capton'"),
        (BuildSettings(writer="oracle"), "unknown writer 'oracle'"),
        (BuildSettings(split="val"), "no split 'val'"),
    ):
        with pytest.raises(BadInput, match=message):
            build(Listed(), None, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_bad_rows_are_counted_by_name(tmp_path):
    rows = (
        face(0),
        Dropped("row 1", "unreadable row"),
        face(0),
        face(2, media="../../etc/passwd"),
        face(3, media="/etc/passwd"),
        face(4, subjects=(), facts=(), closed=frozenset()),
        face(5),
    )
    row = build(Listed(rows), None, tmp_path / "out").to_dict()
    assert row["annotations"] == 2
    assert row["dropped"] == {
        "unreadable row": 1,
        "duplicate row": 1,
        "media outside the data folder": 2,
        "nothing written": 1,
    } | {key: row["dropped"][key] for key in row["dropped"] if key == "near duplicate"}


def test_answers_that_only_deny_are_counted_apart():
    def count(*answers):
        turns, claims = [], []
        for answer in answers:
            turns += [Turn("user", "?"), Turn("assistant", answer)]
            rows = (
                claim_row(claim, len(turns) - 1)
                for claim in (*read_claims(answer), *read_scene_claims(answer))
            )
            claims += rows
        return count_signs(Record("x", 1, "a.png", tuple(turns), tuple(claims)))

    assert count("No, there is no beard.", "Yes, the person smiles.") == (1, 1)
    assert count("No, there is no roundabout.") == (0, 1)
    assert count("No, the road is not on the bridge.") == (0, 1)
    assert count("Yes, there is a roundabout.") == (1, 0)
    assert count("The person smiles and has no beard.") == (1, 0)


def test_media_are_found_missing_or_unreadable(tmp_path, gradient_picture):
    data = tmp_path / "data"
    data.mkdir()
    (data / "0.png").write_bytes(gradient_picture.read_bytes())
    (data / "1.png").write_bytes(b"no picture")
    source = Listed(tuple(face(number) for number in range(3)), needs_folder=True)
    row = build(source, data, tmp_path / "out").to_dict()
    assert row["media"] == {"found": 1, "missing": 1, "unreadable": 1, "made": 0}
    assert row["dropped"]["media unreadable"] == 1
    assert row["annotations"] == 2
    strict = BuildSettings(needs_media=True)
    assert build(source, data, tmp_path / "strict", strict).to_dict()["annotations"] == 1


def test_somebody_in_two_splits_is_kept_in_the_first_alone(tmp_path):
    rows = tuple(
        face(number, split_key="the same", extra={"source": "s", "split": split})
        for number, split in enumerate(("train", "dev", "train"))
    )
    row = build(Listed(rows), None, tmp_path / "out").to_dict()
    assert row["dropped"]["split leak"] == 1
    assert row["annotations"] == 2


def test_people_shared_by_two_data_sets_are_found(tmp_path):
    for name, numbers in (("a", range(5)), ("b", range(4, 8))):
        build(Listed(tuple(map(face, numbers))), None, tmp_path / name)
    stores = [RecordStore(tmp_path / name) for name in "ab"]
    assert find_shared_people(*stores) == {"p4"}


class Stop(Exception):
    pass


def test_a_build_that_was_stopped_gives_the_same_records(tmp_path):
    build(Listed(), None, tmp_path / "whole")

    def stop(done):
        if done >= 25:
            raise Stop

    with pytest.raises(Stop):
        build(Listed(), None, tmp_path / "stopped", on_annotations=stop)
    with pytest.raises(BadStore, match="holds no manifest"):
        RecordStore(tmp_path / "stopped")
    result = build(Listed(), None, tmp_path / "stopped")
    assert result.is_resumed
    whole, stopped = (RecordStore(tmp_path / name).manifest for name in ("whole", "stopped"))
    assert [s.digest for s in whole.shards] == [s.digest for s in stopped.shards]
    assert whole.counts == stopped.counts
    assert whole.dropped == stopped.dropped


def test_a_folder_with_another_build_is_refused(tmp_path):
    build(Listed(), None, tmp_path / "out")
    again = build(Listed(), None, tmp_path / "out").to_dict()
    assert again["already_there"] is True
    assert again["records"] == len(ids(tmp_path / "out"))
    with pytest.raises(BadStore, match="seed was 0"):
        build(Listed(), None, tmp_path / "out", BuildSettings(seed=1))


def test_a_dry_run_writes_nothing(tmp_path):
    row = dry_run(Listed(), None, BuildSettings(limit=10))
    whole = build(Listed(), None, tmp_path / "out", BuildSettings(limit=10)).to_dict()
    assert row["dry_run"] is True
    assert row["annotations"] == 10
    assert row["turns"] == pytest.approx(whole["turns"], rel=0.1)


class Paid:
    """A writer that asks money, answers in another order, and fails on some."""

    name, prompt_version, sampling = "stub", "p1", "T=0"

    def __init__(self):
        self.asked = []

    def write_all(self, jobs):
        held = []
        for job in jobs:
            self.asked.append(job.key)
            held.append(self.write_one(job))
            if len(held) == 7:
                yield from reversed(held)
                held = []
        yield from reversed(held)

    def write_one(self, job):
        if job.annotation.media == "3.png":
            return Outcome(job.key, None, 0.01, 10, 0, "refused")
        turns = (Turn("user", "Is she smiling?"), Turn("assistant", "Yes, she smiles."))
        if not job.annotation.facts_named("smile")[0].value:
            turns = (turns[0], Turn("assistant", "No, she does not smile."))
        if job.annotation.media == "6.png":
            turns = (turns[0], Turn("assistant", "She wears a hat and smiles."))
        records = (Record("yes_no", ONE_FACT, job.annotation.media, turns),)
        return Outcome(job.key, records, 0.02, 10, 5)


def test_paid_answers_are_checked_counted_and_kept_in_order(tmp_path):
    rows = tuple(
        face(number, facts=face(1).facts[:1] + face(number).facts[1:]) for number in range(20)
    )
    writer = Paid()
    row = build(Listed(rows), None, tmp_path / "out", writer=writer).to_dict()
    media = [record.media for record in open_records(tmp_path / "out")]
    assert media == [f"{n}.png" for n in range(20) if n not in (3, 6)]
    assert row["dropped"] == {
        "writer failed": 1, "contradicted claim": 1, "nothing written": 1,
    }  # fmt: skip
    assert row["cost"] == pytest.approx(0.39)


def test_what_was_paid_for_is_never_asked_again(tmp_path):
    rows = tuple(
        face(number, facts=face(1).facts[:1] + face(number).facts[1:]) for number in range(20)
    )

    def stop(done):
        raise Stop

    first, second = Paid(), Paid()
    with pytest.raises(Stop):
        build(Listed(rows), None, tmp_path / "out", writer=first, on_annotations=stop)
    build(Listed(rows), None, tmp_path / "out", writer=second)
    paid = set(first.asked)
    assert paid
    repeated = paid & set(second.asked)
    assert len(repeated) <= 7  # what the first run had in flight and never handed over
    assert len(paid | set(second.asked)) == 20


def test_mixtures_mark_source_split_and_media(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        lines = [json.dumps(face(number).to_dict()) for number in range(3)]
        (tmp_path / name / "x.jsonl").write_text("\n".join(lines))
    recipe = tmp_path / "mix.toml"
    recipe.write_text(
        'name = "both"\n[[parts]]\nsource = "folder"\ndata = "a"\n'
        '[[parts]]\nsource = "folder"\ndata = "b"\nlimit = 2\n'
    )
    source = read_mixture(recipe, tmp_path)
    row = build(source, tmp_path, tmp_path / "out").to_dict()
    assert row["source"] == "both"
    assert row["annotations"] == 5
    media = {record.media for record in open_records(tmp_path / "out")}
    assert media == {"a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "mix.toml"),
        ("name = 'x'", r"no \[\[parts\]\]"),
        ("[[parts]]\nsource = 'nowhere'", "unknown source 'nowhere'"),
        ("[[parts]]\nsource = 'folder'\nsplt = 'all'", "unknown key 'splt'"),
        ("[[parts]]\nsource = 'folder'\nsplit = 'val'", "no split 'val'"),
        ("[[parts]]\nsource = 'folder'\ndata = '../x'", "outside"),
        ("[[parts]]\nsource = 'folder'\nlimit = 'many'", "limit"),
    ],
)
def test_a_wrong_recipe_is_one_clear_error(tmp_path, text, message):
    (tmp_path / "mix.toml").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_mixture(tmp_path / "mix.toml", tmp_path)


def test_an_audit_finds_nothing_in_a_fresh_build_and_planted_lies_in_a_changed_one(tmp_path):
    build(Listed(), None, tmp_path / "out")
    rows = Listed().read(Path(), "train")
    audit = audit_store(RecordStore(tmp_path / "out"), rows)
    assert audit.faults == {}
    assert audit.claims["supported"] > 500
    lying = (face(n, facts=(*face(n).facts, Fact("wearing_hat", True))) for n in range(40))
    audit = audit_store(RecordStore(tmp_path / "out"), lying)
    assert audit.claims["contradicted"] > 20


@pytest.mark.parametrize(
    "reference",
    ["a.png", "a/b.png", "./a.png", "a/./b", "a//b", "", ".", "./", "/", "//a", "/a", "..", "a/..",
     "../a", "a..b", "...", "a/..b", "a\\..\\b"],
)  # fmt: skip
def test_references_leave_the_folder_where_the_path_does(reference):
    path = PurePosixPath(reference)
    leaves = not path.parts or path.is_absolute() or ".." in path.parts
    assert leaves_folder(reference) == leaves


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_of_cycles_is_as_before_after_a_block_without_it(is_enabled):
    def fail():
        with without_collector():
            raise ValueError(gc.isenabled())

    was_enabled = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        with pytest.raises(ValueError, match="False"):
            fail()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_a_prior_tells_whole_numbers_from_fractions():
    rows = [face(0, facts=(Fact("age_years", age),)) for age in (30, 30.0) for _ in range(10)]
    prior = count_prior(rows)
    assert prior.shares["age_years"] == {"30": 0.5, "30.0": 0.5}


def test_a_text_like_one_on_disk_is_found_again(tmp_path):
    texts = [" ".join(f"{name}{n}" for n in range(60)) for name in ("word", "other", "third")]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        index = NearIndex(ledger)
        assert [index.add_new(sign_text(text)) for text in texts[:2]] == [True, True]
        assert not index.add_new(sign_text(texts[0]))
        ledger.commit_shard(0, {}, (), (), *index.take_pending())
        again = NearIndex(ledger, index.next_number)
        assert not again.add_new(sign_text(f"{texts[1]} more"))
        assert again.add_new(sign_text(texts[2]))


def test_minhash_estimates_how_alike_texts_are():
    words = [f"word{number}" for number in range(120)]
    text = " ".join(words)
    near = " ".join([*words[:-2], "other", "end"])
    assert similarity(sign_text(text), sign_text(text)) == 1.0
    assert similarity(sign_text(text), sign_text(near)) > 0.9
    assert similarity(sign_text(text), sign_text(" ".join(reversed(words)))) < 0.2


def test_near_duplicates_of_other_media_are_counted_and_dropped_on_request(tmp_path):
    class Boilerplate:
        def write(self, annotation, provenance=None):
            turns = (
                Turn("user", "Describe it."),
                Turn("assistant", "He smiles. He is a man here."),
            )
            yield Record("caption", ONE_FACT, annotation.media, turns)

    rows = tuple(face(number) for number in (0, 6, 12, 18))
    counted = build(Listed(rows), None, tmp_path / "a", writer=Boilerplate()).to_dict()
    assert (counted["near_duplicates"], counted["records"]) == (3, 4)
    settings = BuildSettings(drop_near=True)
    dropped = build(Listed(rows), None, tmp_path / "b", settings, writer=Boilerplate()).to_dict()
    assert (dropped["dropped"]["near duplicate"], dropped["records"]) == (3, 1)


def test_questions_that_repeat_another_are_found():
    def ask(question):
        return Record("yes_no", 1, "a.png", (Turn("user", question), Turn("assistant", "Yes.")))

    one, two, three = ask("Does she smile now?"), ask("does she smile now?"), ask("Is he bald?")
    assert [is_alike for _, is_alike in split_alike((one, two, three))] == [False, True, False]


def test_quality_is_higher_for_what_cannot_be_guessed():
    faces = [face(number) for number in range(60)]
    prior = count_prior(faces)
    assert prior.probability("smile", "true") == pytest.approx(1 / 3)
    assert prior.probability("age_years", "[20, 30]") == pytest.approx(1 / 3, abs=0.1)
    assert prior.probability("freckles", "true") is None
    scorer = QualityScorer(prior)

    def quality(*texts):
        turns = (Turn("user", texts[0]), Turn("assistant", texts[1]))
        annotation = face(1, facts=(Fact("smile", True), Fact("beard", False)))
        record = Verifier().verify(Record("yes_no", 1, "1.png", turns), annotation)
        return scorer.score(record, annotation).quality

    rare = quality("Is there a smile?", "Yes, the person smiles.")
    common = quality("Is there a beard?", "No, there is no beard.")
    assert 0 < common < rare < 1


def test_models_raise_and_lower_quality():
    annotation = face(0)
    turns = (Turn("user", "Is he smiling?"), Turn("assistant", "Yes, he is smiling."))
    record = Verifier().verify(Record("yes_no", 1, "0.png", turns), annotation)

    class Sees:
        def __init__(self, seen):
            self.seen = seen

        def annotate(self, media):
            return self.seen

    class Says:
        def __init__(self, blind, looking=""):
            self.blind, self.looking = blind, looking

        def answer(self, question, pixels):
            return self.blind if pixels is None else self.looking

    def parts(**models):
        return QualityScorer(Prior(), **models).score_parts(record, annotation)

    assert parts(annotator=Sees(annotation))["answerable"] == 1.0
    blind_to = dataclasses.replace(annotation, facts=(Fact("smile", False), Fact("male", True)))
    assert parts(annotator=Sees(blind_to))["answerable"] < 1.0
    assert parts(answerer=Says("Yes, he is smiling."))["beyond_prior"] == 0.0
    assert parts(answerer=Says("No, he is not smiling."))["beyond_prior"] == 1.0


def test_the_best_share_is_the_same_everywhere():
    assert choose_best([0.5, None, 0.9, 0.5], 0.5) == [0, 2]


def test_the_real_rows_of_ffhq_build_without_a_contradiction(tmp_path):
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "face" / "ffhq-features-70k"
    if not data.is_dir():
        pytest.skip(f"the real rows are not here: {data}")
    settings = BuildSettings(limit=40)
    row = build(require_source("ffhq-features"), data, tmp_path / "out", settings).to_dict()
    assert row["annotations"] == 40
    assert row["annotations_under_10_answers"] == 0
    assert row["annotations_without_description"] == 0
    assert row["verdicts"].get("contradicted", 0) == 0
