"""The checker: claims against facts, closed and open, timed and not, of one or of several."""

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import Claim, check_claims, check_text

FACE = Subject("face 0")


def annotate(*facts, closed=(), subjects=(FACE,)):
    return Annotation("clip", subjects, tuple(facts), frozenset(closed))


def verdicts(text, annotation):
    return {c.claim.name: c.verdict for c in check_text(text, annotation).claims}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("A beard.", "supported"),
        ("No beard.", "contradicted"),
        ("A goatee.", "unknown"),
    ],
)
def test_facts_decide_and_silence_is_unknown(text, verdict):
    annotation = annotate(Fact("beard", True))
    assert list(verdicts(text, annotation).values()) == [verdict]


def test_silence_is_false_where_the_name_or_family_is_closed():
    assert verdicts("A hat.", annotate(closed=["accessory"])) == {"wearing_hat": "contradicted"}
    assert verdicts("No hat.", annotate(closed=["wearing_hat"])) == {"wearing_hat": "supported"}


def test_opposites_implications_and_exclusions_count():
    assert verdicts("A beard.", annotate(Fact("no_beard", True))) == {"beard": "contradicted"}
    assert verdicts("A beard.", annotate(Fact("goatee", True))) == {"beard": "supported"}
    assert verdicts("A goatee.", annotate(Fact("beard", False))) == {"goatee": "contradicted"}
    black = annotate(Fact("black_hair", True))
    assert verdicts("Blonde hair.", black) == {"blonde_hair": "contradicted"}


def test_both_are_true_where_the_annotation_lists_both():
    annotation = annotate(Fact("black_hair", True), Fact("gray_hair", True))
    assert set(verdicts("Black and gray hair.", annotation).values()) == {"supported"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Smiles from 1.2 to 2.8 s.", "supported"),
        ("Smiles at 2 s.", "supported"),
        ("Smiles from 5 to 6 s.", "contradicted"),
        ("Smiles after 4 s.", "contradicted"),
        ("Does not smile from 5 to 6 s.", "supported"),
        ("Does not smile.", "contradicted"),
        ("Smiles until 2 s.", "supported"),
        ("Smiles from 0 to 30 s.", "contradicted"),
    ],
)
def test_times_must_meet(text, verdict):
    annotation = annotate(Fact("smile", True, span_seconds=(1.0, 3.0)), closed=["smile"])
    assert verdicts(text, annotation) == {"smile": verdict}


def test_an_open_name_at_another_time_is_unknown():
    annotation = annotate(Fact("smile", True, span_seconds=(1.0, 3.0)))
    assert verdicts("Smiles from 5 to 6 s.", annotation) == {"smile": "unknown"}


def test_choices_and_numbers_are_compared():
    annotation = annotate(Fact("eye_color", "blue"), Fact("age_years", 42))
    assert verdicts("Green eyes.", annotation) == {"eye_color": "contradicted"}
    assert verdicts("The eyes are not green.", annotation) == {"eye_color": "supported"}
    assert verdicts("In the forties: 40 to 50 years.", annotation)["age_years"] == "supported"
    assert verdicts("35 years old.", annotation) == {"age_years": "contradicted"}
    assert verdicts("An old person.", annotation) == {"elderly": "contradicted"}


def test_people_are_counted_where_no_fact_does():
    annotation = annotate(subjects=(FACE, Subject("face 1")))
    assert verdicts("Two people.", annotation) == {"num_people": "supported"}
    assert verdicts("Three people.", annotation) == {"num_people": "contradicted"}


def test_claims_are_matched_to_the_person_they_describe():
    annotation = annotate(
        Fact("male", True, subject="face 0", region=(0.1, 0.1, 0.3, 0.3)),
        Fact("male", False, subject="face 1", region=(0.6, 0.1, 0.8, 0.3)),
        Fact("wearing_hat", True, subject="face 0"),
        Fact("wearing_hat", False, subject="face 1"),
        subjects=(FACE, Subject("face 1")),
    )
    text = "The man wears a hat, the woman doesn't."
    assert all(c.verdict == "supported" for c in check_text(text, annotation).claims)
    wrong = Claim("wearing_hat", True, subject="right")
    assert check_claims([wrong], annotation).contradicted == 1
    assert verdicts("Everyone wears a hat.", annotation) == {"wearing_hat": "contradicted"}
    assert verdicts("Nobody wears a hat.", annotation) == {"wearing_hat": "contradicted"}
    assert verdicts("A hat is worn.", annotation) == {"wearing_hat": "supported"}


def test_reserve_is_counted_apart():
    checked = check_text("He may have a beard.", annotate(Fact("beard", False), Fact("male", True)))
    assert (checked.supported, checked.contradicted, checked.contradicted_hedged) == (1, 1, 1)


def test_the_evidence_names_the_fact_and_its_moment():
    annotation = annotate(Fact("smile", True, span_seconds=(1.0, 3.0)))
    (checked,) = check_text("No smile.", annotation).claims
    assert checked.fact is not None
    assert checked.fact.span_seconds == (1.0, 3.0)
    assert "smile" in checked.evidence
    assert "1.00 to 3.00 s" in checked.evidence
