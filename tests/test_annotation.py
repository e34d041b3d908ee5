import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.annotation import (
    CLIP,
    VALIDATED,
    Annotation,
    Fact,
    Subject,
    annotation_from_dict,
    check_value,
    fact_from_dict,
    read_annotations,
)
from lineament.errors import BadAnnotation, BadInput
from lineament.vocabulary import read_vocabulary

SMILE = Fact("smile", True, span_seconds=(1.2, 2.8), confidence=0.94, source="landmarks")
MISSING = object()


def example():
    return Annotation(
        media="clip.mp4",
        subjects=(Subject("face 0", "face", 0.0, 3.0, 75), Subject("face 1", "face", 1.0, 2.0, 25)),
        facts=(
            SMILE,
            Fact("beard", False),
            Fact("talk", True, subject="face 1", span_seconds=(1.0, 2.0), validated="real"),
            Fact("head_yaw_degrees", -12.5, subject="face 1"),
            Fact("eye_color", "green", region=(0.1, 0.2, 0.3, 0.4)),
            Fact("num_people", 2, subject=CLIP),
        ),
        closed=frozenset({"hair", "smile"}),
        duration_seconds=3.0,
        num_frames=75,
        fps=25.0,
        licence="CC0",
        split_key="person 7",
    )


def changed(row, path, value):
    """Return a deep copy of a JSON value with one place changed; `path` is keys and indices."""
    copy = json.loads(json.dumps(row))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


def same(first, second):
    """Say whether two annotations hold the same; the order of facts means nothing."""
    assert sorted(map(repr, first.facts)) == sorted(map(repr, second.facts))
    return first.to_dict() == second.to_dict()


# --- shape and round trip -------------------------------------------------------------------


def test_the_json_shape_is_the_one_promised():
    row = example().to_dict()
    assert {"media", "duration_seconds", "num_frames", "fps", "subjects"} <= row.keys()
    subject = row["subjects"][0]
    assert {"id", "kind", "start_seconds", "stop_seconds", "num_frames", "facts"} <= subject.keys()
    assert subject["facts"][0] == {
        "name": "smile",
        "family": "action",
        "value": True,
        "confidence": 0.94,
        "start_seconds": 1.2,
        "stop_seconds": 2.8,
        "source": "landmarks",
        "validated": "none",
    }
    json.dumps(row)


def test_an_annotation_survives_json():
    back = annotation_from_dict(json.loads(json.dumps(example().to_dict())))
    assert same(back, example())
    assert (back.subjects, back.closed) == (example().subjects, example().closed)


def test_facts_about_nobody_listed_stand_apart():
    row = Annotation("a.jpg", facts=(SMILE,)).to_dict()
    assert row["subjects"] == []
    assert row["facts"][0]["subject"] == "face 0"


VOCABULARY = read_vocabulary()
TEXT = st.text(max_size=12)
SECONDS = st.floats(0, 1e5).map(lambda x: round(x, 3))


@st.composite
def facts(draw, subjects):
    entry = draw(st.sampled_from(sorted(VOCABULARY.names.values(), key=lambda name: name.id)))
    name = entry.id
    if entry.kind == "flag":
        name = draw(st.sampled_from([entry.id, entry.negative or entry.id]))
        value = draw(st.booleans())
    elif entry.kind == "choice":
        value = draw(st.sampled_from(entry.choices))
    elif entry.kind == "number":
        value = draw(st.floats(-1e6, 1e6) | st.integers(-1000, 1000))
    else:
        value = draw(TEXT)
    span = draw(st.none() | st.tuples(SECONDS, SECONDS).map(lambda s: (min(s), max(s))))
    sizes = st.sampled_from([4, 6, 8, 12])
    unit = st.floats(0, 1)
    region = draw(st.none() | sizes.flatmap(lambda n: st.tuples(*[unit] * n)))
    return {
        "name": name,
        "value": value,
        "subject": draw(st.sampled_from([*subjects, CLIP])),
        "span_seconds": span,
        "region": region,
        "confidence": round(draw(unit), 4),
        "source": draw(TEXT.filter(bool)),
        "validated": draw(st.sampled_from(VALIDATED)),
    }


@st.composite
def annotations(draw):
    ids = draw(st.lists(st.sampled_from(["face 0", "face 1", "object 3"]), min_size=1, unique=True))
    return {  # plain values: the shape check draws lots itself, which strategies forbid
        "media": draw(TEXT),
        "subjects": [
            (i, draw(TEXT.filter(bool)), draw(SECONDS), draw(SECONDS), draw(st.integers(0, 10**9)))
            for i in ids
        ],
        "facts": draw(st.lists(facts(ids), max_size=6)),
        "closed": frozenset(
            draw(
                st.lists(
                    st.sampled_from(sorted([*VOCABULARY.families, *VOCABULARY.names])), max_size=4
                )
            )
        ),
        "duration_seconds": draw(SECONDS),
        "num_frames": draw(st.integers(0, 10**9)),
        "fps": draw(st.floats(0, 1000)),
        "licence": draw(TEXT),
        "split_key": draw(TEXT),
    }


@settings(max_examples=60, deadline=None)
@given(annotations())
def test_whatever_can_be_said_survives_json(values):
    values["subjects"] = tuple(Subject(*subject) for subject in values["subjects"])
    values["facts"] = tuple(Fact(**fact) for fact in values["facts"])
    annotation = Annotation(**values)
    back = annotation_from_dict(json.loads(json.dumps(annotation.to_dict())))
    assert same(back, annotation)


# --- families, opposites --------------------------------------------------------------------


def test_a_fact_knows_its_family():
    assert Fact("smile", True).family == "action"
    assert Fact("no_beard", True).family == "facial_hair"
    assert Fact("no_such_name", True).family == ""


def test_names_are_closed_by_themselves_or_by_their_family():
    annotation = example()
    assert annotation.is_closed("smile")
    assert annotation.is_closed("wavy_hair")
    assert not annotation.is_closed("talk")
    assert not annotation.is_closed("no_such_name")


def test_an_opposite_is_closed_with_its_name():
    annotation = Annotation("a.jpg", closed=frozenset({"beard", "person"}))
    assert annotation.is_closed("no_beard")
    assert annotation.is_closed("female")


def test_facts_are_found_by_name_and_subject():
    annotation = example()
    assert annotation.facts_named("smile") == (SMILE,)
    assert annotation.facts_named("smile", "face 1") == ()
    assert {fact.name for fact in annotation.facts_of("face 1")} == {"talk", "head_yaw_degrees"}


@pytest.mark.parametrize(("name", "value"), [("female", True), ("no_beard", False)])
def test_opposites_are_flags_too(name, value):
    check_value(name, value, where="here")
    with pytest.raises(BadAnnotation, match=f"{name} is true or false"):
        check_value(name, "yes", where="here")


# --- bad input ------------------------------------------------------------------------------


def test_an_unknown_word_is_refused_with_the_nearest_known_one():
    row = changed(example().to_dict(), ("subjects", 0, "facts", 0, "name"), "smille")
    with pytest.raises(BadAnnotation, match="smille") as caught:
        annotation_from_dict(row, where="my.json")
    assert "my.json: subjects[0].facts[0].name" in caught.value.message
    assert "'smile'" in caught.value.hint


def test_an_unknown_choice_is_refused_with_the_nearest_one():
    with pytest.raises(BadAnnotation, match="'gren'") as caught:
        check_value("eye_color", "gren", where="here")
    assert "'green'" in caught.value.hint


NUMBERS = {"a string": "3", "true": True, "null": None, "a list": [1], "NaN": math.nan,
           "infinity": math.inf, "beyond floats": 10**400, "negative": -1}  # fmt: skip
TEXTS = {"a number": 3, "null": None, "a list": ["x"], "an object": {}}
LISTS = {"a string": "x", "null": None, "an object": {}, "a number": 3}
FACT = ("subjects", 0, "facts", 0)
WRONG = [
    *(((*place, key), kind, value) for place, key in [
        ((), "duration_seconds"), ((), "num_frames"), ((), "fps"),
        (("subjects", 0), "start_seconds"), (("subjects", 0), "stop_seconds"),
        (("subjects", 0), "num_frames"), (FACT, "confidence"),
        (FACT, "start_seconds"), (FACT, "stop_seconds"),
    ] for kind, value in NUMBERS.items()),
    *(((*place, key), kind, value) for place, key in [
        ((), "media"), ((), "licence"), ((), "split_key"), (("subjects", 0), "id"),
        (("subjects", 0), "kind"), (FACT, "name"), (FACT, "source"), (FACT, "subject"),
    ] for kind, value in TEXTS.items()),
    *(((*place, key), kind, value) for place, key in [
        ((), "subjects"), ((), "facts"), ((), "closed"), (("subjects", 0), "facts"),
    ] for kind, value in LISTS.items()),
    *((("num_frames",), kind, value) for kind, value in {"a part": 1.5}.items()),
    *(((*FACT, "confidence"), kind, value) for kind, value in {"above one": 1.2}.items()),
    *(((*FACT, "value"), kind, value) for kind, value in
      {"a string": "yes", "a number": 1, "null": None, "a list": [True]}.items()),
    *(((*FACT, "validated"), kind, value) for kind, value in
      {"another word": "yes", "a list": ["real"], "an object": {}, "null": None}.items()),
    *(((*FACT, "region"), kind, value) for kind, value in
      {"three numbers": [0, 0, 1], "a string": "box", "text inside": [0, 0, 1, "1"],
       "true inside": [0, 0, 1, True], "NaN inside": [0, 0, 1, math.nan], "odd": [0] * 7,
       "empty": [], "huge inside": [0, 0, 1, 10**400]}.items()),
    *((("closed",), kind, value) for kind, value in
      {"unknown": ["hairs"], "a list inside": [["hair"]], "an object inside": [{}],
       "null inside": [None]}.items()),
    (("subjects", 0), "no object", 3),
    (("subjects", 1, "id"), "the same id twice", "face 0"),
    (("subjects", 0, "id"), "nothing", MISSING),
    (FACT, "no object", "smile"),
    ((*FACT, "name"), "nothing", MISSING),
    ((*FACT, "stop_seconds"), "nothing", MISSING),
    ((*FACT, "stop_seconds"), "before the start", 0.5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"),
    [pytest.param(path, value, id=f"{'.'.join(map(str, path))}: {kind}")
     for path, kind, value in WRONG],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_place(path, value):
    row = changed(example().to_dict(), path, value)
    with pytest.raises(BadAnnotation) as caught:
        annotation_from_dict(row, where="my.json")
    assert caught.value.message.startswith("my.json")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("row", [None, 3, "text", [], [{}]])
def test_an_annotation_is_an_object(row):
    with pytest.raises(BadAnnotation, match="expected an object"):
        annotation_from_dict(row)


def test_a_fact_alone_can_be_read_and_is_refused_alike():
    fact = fact_from_dict({"name": "smile"}, where="here", subject="face 3")
    assert fact == Fact("smile", True, subject="face 3")
    with pytest.raises(BadAnnotation, match=r"here\.name: expected text, got nothing"):
        fact_from_dict({}, where="here")


@pytest.mark.parametrize("value", [True, "12", None, math.nan, math.inf, 10**400])
def test_a_number_is_a_finite_number(value):
    with pytest.raises(BadAnnotation, match="is a number"):
        check_value("head_yaw_degrees", value, where="here")
    check_value("head_yaw_degrees", -40, where="here")


# --- files ----------------------------------------------------------------------------------


def test_files_hold_one_object_a_list_or_lines(tmp_path):
    row = example().to_dict()
    (tmp_path / "one.json").write_text(json.dumps(row))
    (tmp_path / "two.json").write_text(json.dumps([row, row]))
    (tmp_path / "three.jsonl").write_text("\n".join([json.dumps(row), "", json.dumps(row)]) + "\n")
    for name, count in (("one.json", 1), ("two.json", 2), ("three.jsonl", 2)):
        read = list(read_annotations(tmp_path / name))
        assert len(read) == count
        assert all(same(annotation, example()) for annotation in read)


def test_a_broken_line_is_named_and_those_before_it_are_given(tmp_path):
    path = tmp_path / "rows.jsonl"
    good = json.dumps(example().to_dict())
    path.write_text(f"{good}\n{good}\n{{broken\n{good}\n")
    rows = read_annotations(path)
    next(rows), next(rows)
    with pytest.raises(BadAnnotation, match=r"rows\.jsonl, line 3: not JSON"):
        next(rows)


def test_a_wrong_line_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"media": "a"}\n\n{"facts": [{"name": "smirkle"}]}\n')
    with pytest.raises(BadAnnotation, match=r"rows\.jsonl, line 3: facts\[0\]\.name: .*smirkle"):
        list(read_annotations(path))


def test_a_wrong_item_of_a_list_is_named(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"media": "a"}, {"media": 3}]')
    with pytest.raises(BadAnnotation, match=r"rows\.json\[1\]\.media: expected text, got 3"):
        list(read_annotations(path))


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("data", [
    b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b'{"fps": 1e999}',
    b'{"fps": NaN}', b'{"fps": ' + b"9" * 400 + b"}", b'"text"', b"null",
    b'{"media": ' + b"[" * 900 + b"]" * 900 + b"}",
], ids=lambda data: data[:12].decode("latin-1"))  # fmt: skip
def test_any_other_file_is_refused_by_name(tmp_path, suffix, data):
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(data)
    if data == b"" and suffix == "jsonl":
        assert list(read_annotations(path)) == []  # no lines, no annotations
        return
    with pytest.raises(BadAnnotation, match=f"bad.{suffix}"):
        list(read_annotations(path))


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(BadInput, match=path.name):
            list(read_annotations(path))
