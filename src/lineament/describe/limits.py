"""What rules answer in a model's place, and which of its answers speak of something else."""

import re
from dataclasses import dataclass

from lineament.annotation import Annotation, Fact
from lineament.claims import read_answer, read_claims, read_question
from lineament.describe.asking import (
    Turns,
    are_related,
    find_mentioned,
    find_often,
    is_read,
    is_summary_wanted,
    is_taught,
    is_when,
    is_why,
    stands_alone,
    without_courtesy,
)
from lineament.describe.refusals import media_word
from lineament.describe.rule_answers import CANNOT_TELL, VOICE
from lineament.describe.visual import find_person
from lineament.describe.wording import has_options
from lineament.faces.follow import FollowedClip
from lineament.faces.validation import read_measurements
from lineament.records.write.clauses import find_clauses
from lineament.records.write.grammar import number_word, sentence, times_word
from lineament.vocabulary import read_vocabulary

NOT_READ = (
    "I cannot tell; I answer questions in English about how a face looks, what is worn on it and"
    " what it does."
)
NO_TIME = "I cannot tell: one picture does not show when something happens."
NO_TIMES = "I cannot tell: one picture does not show how often something happens."
MAX_BARE_WORDS = 3  # of an answer such as "Yes, he is."
MAX_CHARACTERS = 1_000  # of a question that is not read and goes to no model
_YES_OR_NO = re.compile(r"^\W*(?:yes|no|indeed|certainly|correct|right|exactly)\b", re.IGNORECASE)
_YES = re.compile(r"^\W*(?:yes|indeed|certainly|correct|right|exactly)\b", re.IGNORECASE)
_VERB_FIRST = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should)(?:n't)?\b",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\bor\b|\band\s+(?:what|which|how|where)\b", re.IGNORECASE)
_CANNOT = re.compile(
    r"\b(?:cannot|can't|unclear|not\s+clear|impossible|no\s+way|not\s+show|not\s+know|identify)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(r"\b(?:who|identify|family|ancestry|people)\b", re.IGNORECASE)
_OF_SEX = re.compile(r"\b(?:men|women)\b", re.IGNORECASE)
_PRONOUN = re.compile(r"(?:he|she|him|her|his|hers|himself|herself)", re.IGNORECASE)
_THIRDS = ("left", "", "right"), ("top", "", "bottom")


@dataclass(frozen=True, slots=True)
class Ruled:
    """An answer by rule.

    Attributes:
        text: Its words.
        is_known: Whether it tells what is known; False where it says that nothing can be told.
        facts: What it tells.
    """

    text: str
    is_known: bool = False
    facts: tuple[Fact, ...] = ()


def find_rule(
    question: str,
    annotation: Annotation,
    subject: str | None,
    turns: Turns = (),
    *,
    use_facts: bool = True,
) -> Ruled | None:
    """Answer what no model is to be asked; None for what one is.

    Args:
        question: As the model would read it.
        annotation: What is known of the media.
        subject: The person meant.
        turns: Those before, that the question needs to be understood.
        use_facts: Whether facts may be told; not in the place of a model that sees nothing.
    """
    is_picture = annotation.duration_seconds <= 0
    often = find_often(question)
    if often is not None and (use_facts or is_picture):
        return Ruled(NO_TIMES) if is_picture else _count_times(often, annotation, subject)
    if is_picture and is_when(question):
        return Ruled(NO_TIME)
    is_of_people = read_question(question).kind == "how many" and not _OF_SEX.search(question)
    if is_picture and use_facts and is_of_people:
        return _count_people(annotation)
    if len(question) <= MAX_CHARACTERS and not _is_understood(question, turns):
        return Ruled(NOT_READ)
    return None


def _is_understood(question: str, turns: Turns) -> bool:
    """Say whether anything in a question is of faces, or it goes on from one that is."""
    asked = read_question(question)
    if is_read(asked) or is_taught(question) or has_options(question):
        return True
    if is_summary_wanted(question):
        return True
    if turns and not stands_alone(question):
        return True
    text = without_courtesy(question)
    if not find_mentioned(question):
        return False
    return asked.kind != "whether" or not _VERB_FIRST.match(text) or bool(_OPEN.search(text))


def _count_times(when: str, annotation: Annotation, subject: str | None) -> Ruled:
    claims = read_question(when).claims
    name = claims[0].name if claims else ""
    clauses = find_clauses(name, VOICE, media_word(annotation))
    facts = [
        fact
        for fact in annotation.facts_named(name, subject)
        if fact.value is True and fact.span_seconds is not None
    ]
    facts.sort(key=lambda fact: fact.span_seconds or (0.0, 0.0))
    if not clauses or not (facts or annotation.is_closed(name)):
        text = NOT_READ if not clauses else CANNOT_TELL.format(media=media_word(annotation))
        return Ruled(text)
    if not facts:
        return Ruled(sentence(f"{clauses[0].neg}."), is_known=True)
    said = sentence(f"{clauses[0].pos} {times_word(len(facts))}.")
    return Ruled(said, is_known=True, facts=tuple(facts))


def _count_people(annotation: Annotation) -> Ruled | None:
    """Tell how many faces were found in a picture; None where none were looked for."""
    for fact in annotation.facts_named("num_people"):
        if not isinstance(fact.value, str):
            count = int(fact.value)
            said = "is one person" if count == 1 else f"are {number_word(count)} people"
            return Ruled(f"There {said}.", is_known=True, facts=(fact,))
    return None


def is_at_risk(question: str, turns: Turns) -> bool:
    """Say whether an answer has to be heard to its end before it may be passed on.

    Flags that landmarks or labels show are what models are taught; what else is asked, they may
    answer with something else.
    """
    if has_options(question) or is_taught(question):
        return False
    asked = read_question(question)
    if not is_read(asked) or (turns and not stands_alone(question)):
        return not is_summary_wanted(question)
    vocabulary, measured = read_vocabulary(), read_measurements()
    return asked.kind == "whether" and any(
        isinstance(claim.value, str)
        or (vocabulary.names[claim.name].family == "action" and claim.name not in measured)
        for claim in asked.claims
    )


def speaks_of_else(question: str, answer: str, turns: Turns = ()) -> bool:
    """Say whether an answer is one to some other question, or takes back the answer before."""
    asked = read_question(question)
    is_again = bool(turns) and not stands_alone(question)
    own = {
        claim.name
        for claim in read_claims(answer)
        if claim.name != "male" or not _PRONOUN.fullmatch(claim.text)
    }
    names = find_mentioned(question)
    if is_again:
        if _is_taken_back(answer, turns[-1]):
            return True
        names = names or find_turn_names(turns[-1])
    elif is_why(question):
        return False
    unfit = _YES if asked.kind == "whether" else _YES_OR_NO
    if not is_again and not is_read(asked) and unfit.match(answer):
        return True
    if not own:
        return _says_nothing(answer, is_read=is_read(asked))
    return not are_related(own, names)


def _says_nothing(answer: str, *, is_read: bool) -> bool:
    """Say whether an answer without a claim is neither a plain yes or no nor a fitting refusal."""
    if _CANNOT.search(answer):
        return not is_read and _REFUSAL.search(answer) is not None
    return is_read and len(answer.split()) > MAX_BARE_WORDS


def find_turn_names(turn: tuple[str, str]) -> frozenset[str]:
    """Return the names that a question and its answer speak of."""
    said = {claim.name for claim in read_answer(*turn)}
    return find_mentioned(turn[0]) | said


def _is_taken_back(answer: str, turn: tuple[str, str]) -> bool:
    before = {(claim.name, claim.value) for claim in read_answer(*turn)}
    return any(
        isinstance(claim.value, bool) and (claim.name, not claim.value) in before
        for claim in read_claims(answer)
    )


def locate_subject(annotation: Annotation, followed: FollowedClip) -> tuple[Fact, ...]:
    """Return how many faces there are and where the one is that is spoken of; empty for one."""
    counts = [
        fact
        for fact in annotation.facts_named("num_people")
        if not isinstance(fact.value, str) and fact.value > 1
    ]
    track = find_person(followed.tracks)
    if not counts or track is None:
        return ()
    x0, y0, x1, y1 = track.boxes_xyxy_px.mean(axis=0).tolist()
    clip = followed.clip
    region = (x0 / clip.width, y0 / clip.height, x1 / clip.width, y1 / clip.height)
    region = tuple(round(min(max(side, 0.0), 1.0), 4) for side in region)
    place = [
        words[min(int(3 * (region[axis] + region[axis + 2]) / 2), 2)]
        for axis, words in enumerate(_THIRDS)
    ]
    position = "_".join(word for word in reversed(place) if word) or "center"
    return (
        counts[0],
        Fact(
            "object_position", position, subject=f"face {track.id}", region=region,
            source="landmarks",
        ),
    )  # fmt: skip
