"""Compositions: filters, quotas and shares, and the two recipes on small fixtures."""

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.recipes.favchat_170k import FAVCHAT_170K
from lineament.recipes.unif2ace_130k import UNIF2ACE_130K
from lineament.records.sources import composition as module
from lineament.records.sources.composition import (
    Composition,
    Filters,
    Part,
    count_positive,
    find_coverage,
    take_frame,
)
from lineament.records.sources.rendered import Rendered
from lineament.records.sources.source import Dropped
from lineament.records.sources.stored import FACE_PX
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.quota import QUOTA, QuotaWriter, find_askable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))


def clip(*facts, seconds=4.0, frames=100, of=100, **extra):
    face = Subject("face 0", num_frames=frames)
    return Annotation("a.mp4", (face,), facts, duration_seconds=seconds, num_frames=of, extra=extra)


MANY = tuple(
    Fact(name, True) for name in ("brown_hair", "smile", "happy", "eyeglasses", "pointy_nose")
)
FILTERS = Filters(128.0, 0.8, 2.0, 20.0, ("blurry",), 5)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (clip(*MANY), None), (clip(*MANY, **{FACE_PX: 127.0}), module.SMALL_FACE),
        (clip(*MANY, **{FACE_PX: 128.0}), None), (clip(*MANY, seconds=1.9), module.LENGTH),
        (clip(*MANY, seconds=20.1), module.LENGTH), (clip(*MANY, frames=79), module.SHORT_TRACK),
        (clip(*MANY, Fact("blurry", True, subject="clip")), module.LABELLED_OUT),
        (clip(*MANY[:4]), module.FEW_FACTS), (clip(*MANY[:4], Fact("male", False)), None),
        (clip(*MANY[:4], Fact("beard", False)), module.FEW_FACTS),
        (clip(*MANY, seconds=0.0, of=1), None),  # a picture has neither length nor track
    ],
)  # fmt: skip
def test_filters_keep_what_fits_and_what_nobody_measured(annotation, reason):
    fault = FILTERS.find_fault(annotation)
    assert (fault and fault[0]) == reason


def test_coverage_is_that_of_the_longest_track():
    faces = (Subject("face 0", num_frames=20), Subject("face 1", num_frames=90))
    annotation = Annotation("a.mp4", faces, num_frames=100)
    assert find_coverage(annotation) == 0.9
    assert count_positive(clip(*MANY, MANY[0])) == 5


def test_one_frame_of_a_clip_keeps_only_what_holds_throughout():
    facts = (
        Fact("male", True), Fact("smile", True), Fact("happy", True, span_seconds=(0.0, 1.0)),
        Fact("beard", True),
    )  # fmt: skip
    closed = frozenset(("smile", "talk", "hair", "happy", "sadness", "wearing_hat"))
    frame = take_frame(Annotation("b/x.mp4", (Subject("face 0"),), facts, closed, 5.0, 100, 25.0))
    assert {fact.name for fact in frame.facts} == {"male", "beard"}
    assert frame.is_closed("wearing_hat")
    assert frame.is_closed("long_hair")
    assert not any(frame.is_closed(name) for name in ("talk", "smile", "happy", "sadness"))
    assert frame.media == "frames/b/x.jpg"
    assert frame.duration_seconds == 0.0


NUM_CLIPS = 24


class Given:
    """A source of clips that are sampled once; sampling takes longer than all that is tested."""

    name, licence, splits, needs_folder = "given", "Apache-2.0", ("all",), False
    clips: tuple[Annotation, ...] = ()

    def read(self, folder, split):
        if not Given.clips:
            found = Rendered(NUM_CLIPS, 0.0).read(folder, "train")
            Given.clips = tuple(row for row in found if isinstance(row, Annotation))
        yield from Given.clips


def mix(**values):
    settings = {
        "name": "test", "parts": (Part(Given(), ""),), "descriptions": "summary",
        "num_descriptions": NUM_CLIPS, "num_questions": 66, "num_annotations": NUM_CLIPS,
        "shares": {"yes_no": 0.4, "list": 0.2, "timed": 0.2, "color": 0.2},
    }  # fmt: skip
    return Composition(**(settings | values))


def annotations_of(composition, folder):
    return [row for row in composition.read(folder) if isinstance(row, Annotation)]


@pytest.fixture
def planned(tmp_path):
    return annotations_of(mix(), tmp_path)


def test_quotas_add_up_to_the_totals_and_keep_the_shares(planned):
    total = Counter()
    for annotation in planned:
        total.update(annotation.extra[QUOTA])
    assert len(planned) == NUM_CLIPS
    assert total["summary"] == NUM_CLIPS
    assert total.total() - total["summary"] == 66
    assert total["yes_no"] / 66 == pytest.approx(0.4, abs=0.08)
    assert total["timed"] / 66 == pytest.approx(0.2, abs=0.08)


def test_quotas_are_filled_exactly_with_records_that_hold(planned):
    writer = mix().make_writer()
    for annotation in planned[:15]:
        records = list(writer.write(annotation, {"source": "rendered"}))
        quota = annotation.extra[QUOTA]
        assert len(records) == sum(quota.values())
        assert sum(record.kind == "summary" for record in records) == 1
        assert len({record.turns[0].text for record in records}) == len(records)
        for record in records:
            assert not isinstance(Verifier().verify(record, annotation), Rejected)
        again = list(mix().make_writer().write(annotation, {"source": "rendered"}))
        assert [record.id for record in again] == [record.id for record in records]


def test_what_an_annotation_cannot_give_goes_to_other_kinds():
    closed = frozenset(("beard", "wearing_hat", "smile", "eyeglasses", "mustache"))
    facts = (Fact("male", True), Fact("brown_hair", True), Fact("pointy_nose", True))
    extra = {QUOTA: {"summary": 1, "timed": 2, "emotion": 2}}
    annotation = Annotation("a.png", (Subject("face 0"),), facts, closed, extra=extra)
    records = list(QuotaWriter(fallbacks=("timed", "emotion", "color")).write(annotation))
    kinds = Counter(record.kind for record in records)
    assert kinds["summary"] == 1
    assert kinds.total() == 5
    assert not {"timed", "emotion"} & set(kinds)
    assert "timed" not in find_askable(annotation)


def test_no_quota_and_no_face_give_nothing():
    assert list(QuotaWriter().write(clip(*MANY))) == []
    assert list(QuotaWriter().write(Annotation("a.png", extra={QUOTA: {"summary": 1}}))) == []


def test_a_composition_names_the_folders_it_misses(tmp_path):
    with pytest.raises(BadInput, match="celebvhq") as caught:
        list(FAVCHAT_170K.read(tmp_path))
    assert "youtube-faces" in caught.value.hint
    with pytest.raises(BadInput, match="no split"):
        list(FAVCHAT_170K.read(tmp_path, "nosplit"))


def test_splits_share_no_person(tmp_path):
    whole = {row.split_key for row in annotations_of(mix(), tmp_path)}
    parts = []
    for split in ("train", "val", "test"):
        rows = (row for row in mix().read(tmp_path, split) if isinstance(row, Annotation))
        parts.append({row.split_key for row in rows})
    assert set().union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)


def small_fixtures(monkeypatch):
    fixture_sets = pytest.importorskip("fixture_sets")
    small = {"celebvhq": (40, 25), "ferv39k": (36, 28), "hmdb51": (12, 8), "youtube-faces": (6, 3)}
    monkeypatch.setattr(fixture_sets, "CLIPS", small)
    monkeypatch.setattr(fixture_sets, "NUM_CELEBVHQ_PICTURES", 20)
    monkeypatch.setattr(fixture_sets, "NUM_FFHQ", 40)
    monkeypatch.setattr(fixture_sets, "NUM_FFHQ_WITHOUT_FACE", 2)
    monkeypatch.setattr(fixture_sets, "NUM_FFHQ_MINORS", 8)
    monkeypatch.setattr(fixture_sets, "NUM_CELEBAHQ", 30)
    return fixture_sets


def test_the_fixtures_of_favchat_keep_as_many_clips_as_planned(tmp_path, monkeypatch):
    small_fixtures(monkeypatch).write_favchat(tmp_path)
    rows = list(FAVCHAT_170K.read(tmp_path))
    kept = [row for row in rows if isinstance(row, Annotation)]
    by_source = Counter(row.extra["source"] for row in kept)
    assert by_source == {"celebvhq": 25, "ferv39k": 28, "hmdb51": 8, "youtube-faces": 3}
    reasons = {row.reason for row in rows if isinstance(row, Dropped)}
    assert reasons == {
        module.SMALL_FACE, module.SHORT_TRACK, module.LENGTH, module.LABELLED_OUT,
    }  # fmt: skip
    writer = FAVCHAT_170K.make_writer()
    some = Random(1).sample(kept, 12)
    records = [record for row in some for record in writer.write(row)]
    assert sum(record.kind == "summary" for record in records) == 12
    assert len(records) == sum(sum(row.extra[QUOTA].values()) for row in some)


def test_the_fixtures_of_unif2ace_leave_out_who_is_no_adult(tmp_path, monkeypatch):
    small_fixtures(monkeypatch).write_unif2ace(tmp_path)
    rows = list(UNIF2ACE_130K.read(tmp_path))
    kept = [row for row in rows if isinstance(row, Annotation)]
    by_source = Counter(row.extra["source"] for row in kept)
    assert by_source == {"celebvhq": 20, "ffhq-features": 30, "mm-celeba-hq": 30}
    assert all(row.duration_seconds == 0 for row in kept)
    writer = UNIF2ACE_130K.make_writer()
    for row in kept[::9]:
        records = list(writer.write(row))
        assert len(records) == sum(row.extra[QUOTA].values())


def test_the_recipes_are_for_the_numbers_of_the_papers():
    def total(recipe, share):
        return sum(
            (n + 1) * share // recipe.num_annotations - n * share // recipe.num_annotations
            for n in range(recipe.num_annotations)
        )

    assert total(FAVCHAT_170K, FAVCHAT_170K.num_questions) == 170_000
    assert total(FAVCHAT_170K, FAVCHAT_170K.num_descriptions) == 61_007
    assert total(UNIF2ACE_130K, UNIF2ACE_130K.num_descriptions) == 130_000
    for recipe in (FAVCHAT_170K, UNIF2ACE_130K):
        assert sum(recipe.shares.values()) == pytest.approx(1.0)
