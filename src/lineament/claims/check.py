"""Claims against an annotation: supported, contradicted or unknown, with the evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from lineament.annotation import Annotation, Fact
from lineament.claims.claim import Claim, ClaimValue
from lineament.claims.read import read_claims
from lineament.claims.truth import UNKNOWN, Truth, find_truth
from lineament.vocabulary import read_vocabulary

Verdict = Literal["supported", "contradicted", "unknown"]


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """A claim, what the annotation says to it, and why.

    Attributes:
        claim: As read.
        verdict: Hedged claims are judged like firm ones; `Checked` also counts them apart.
        rule: One phrase: ``stated``, ``goatee implies beard``, ``smile is closed ...``.
        fact: The fact that decides; its span is the moment that proves or refutes the claim.
    """

    claim: Claim
    verdict: Verdict
    rule: str
    fact: Fact | None = None

    @property
    def name(self) -> str:
        """The vocabulary's name of what is claimed."""
        return self.claim.name

    @property
    def value(self) -> ClaimValue:
        """The value that is claimed."""
        return self.claim.value

    @property
    def text(self) -> str:
        """The words that carry the claim."""
        return self.claim.text

    @property
    def evidence(self) -> str:
        """One readable line: the rule, and when and of whom the fact holds."""
        if self.fact is None:
            return self.rule
        value = self.fact.value
        said = f"{self.fact.name} {value}"
        if isinstance(value, bool):
            said = self.fact.name if value else f"no {self.fact.name}"
        span = self.fact.span_seconds
        when = f", {span[0]:.2f} to {span[1]:.2f} s" if span else ""
        return f"{self.rule}: {self.fact.subject}, {said.replace('_', ' ')}{when}"


@dataclass(frozen=True, slots=True)
class Checked:
    """All verdicts on a text, with how many there are of each."""

    claims: tuple[CheckedClaim, ...]

    @property
    def supported(self) -> int:
        """How many claims the annotation supports."""
        return sum(c.verdict == "supported" for c in self.claims)

    @property
    def contradicted(self) -> int:
        """How many claims the annotation contradicts, hedged ones among them."""
        return sum(c.verdict == "contradicted" for c in self.claims)

    @property
    def contradicted_hedged(self) -> int:
        """How many of the contradicted claims were made with reserve."""
        return sum(c.verdict == "contradicted" and c.claim.hedged for c in self.claims)

    @property
    def unknown(self) -> int:
        """How many claims the annotation is silent on."""
        return sum(c.verdict == "unknown" for c in self.claims)


def check_text(text: str, annotation: Annotation, subject: str | None = None) -> Checked:
    """Read a text and check every claim of it."""
    return check_claims(read_claims(text), annotation, subject)


def check_claims(
    claims: Iterable[Claim], annotation: Annotation, subject: str | None = None
) -> Checked:
    """Check claims against an annotation.

    Args:
        claims: As `read_claims` returns them.
        annotation: What is known.
        subject: Check against this subject alone, such as ``face 1``.
    """
    facts = _facts_by_subject(annotation)
    faces = [subject] if subject is not None else _faces(annotation, facts)
    return Checked(tuple(_check_claim(c, annotation, facts, faces) for c in claims))


def _check_claim(
    claim: Claim, annotation: Annotation, facts: dict[str, list[Fact]], faces: Sequence[str]
) -> CheckedClaim:
    entry = read_vocabulary().require(claim.name)
    if entry.subject == "clip":
        everything = [fact for own in facts.values() for fact in own]
        truths = [find_truth(claim, everything, annotation)]
    else:
        chosen = choose_subjects(claim, faces, facts)
        truths = [find_truth(claim, facts.get(face, []), annotation) for face in chosen]
    verdicts: list[tuple[Verdict, Truth]] = [(_verdict(claim, t), t) for t in truths]
    verdict, truth = _combine(verdicts, needs_all=claim.quantity in ("all", "none"))
    return CheckedClaim(claim, verdict, truth.rule, truth.fact)


def choose_subjects(
    claim: Claim, faces: Sequence[str], facts: dict[str, list[Fact]]
) -> Sequence[str]:
    """Return the subjects a claim may be about, by what it says of them; all when in doubt."""
    if len(faces) < 2 or not claim.subject or claim.name == "male":
        return faces
    if claim.subject in ("man", "woman"):
        is_man = claim.subject == "man"
        known = [
            f
            for f in faces
            if any(x.name == "male" and x.value is is_man for x in facts.get(f, []))
        ]
        return known or faces
    if claim.subject in ("left", "right"):
        centres = {f: c for f in faces if (c := _centre_x(facts.get(f, []))) is not None}
        if len(centres) == len(faces):
            pick = min if claim.subject == "left" else max
            return [pick(centres, key=lambda face: centres[face])]
    return faces


def _centre_x(facts: Iterable[Fact]) -> float | None:
    for fact in facts:
        if fact.region:
            xs = fact.region[0::2]
            return (min(xs) + max(xs)) / 2
    return None


def _verdict(claim: Claim, truth: Truth) -> Verdict:
    if truth.holds is None:
        return "unknown"
    is_denied = claim.value is False or claim.negated
    return "supported" if truth.holds is not is_denied else "contradicted"


def _combine(
    verdicts: Sequence[tuple[Verdict, Truth]], *, needs_all: bool
) -> tuple[Verdict, Truth]:
    """Join the verdicts on several subjects: one is enough, unless all are spoken of."""
    order: tuple[Verdict, ...] = ("supported", "unknown", "contradicted")
    if needs_all:
        order = ("contradicted", "unknown", "supported")
    for verdict in order:
        for own, truth in verdicts:
            if own == verdict:
                return own, truth
    return "unknown", UNKNOWN


def _faces(annotation: Annotation, facts: dict[str, list[Fact]]) -> list[str]:
    faces = [s.id for s in annotation.subjects if s.kind == "face"]
    return faces or [s for s in facts if s != "clip"] or ["face 0"]


@lru_cache(maxsize=256)
def _canonical_facts(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    vocabulary = read_vocabulary()
    return tuple(
        replace(f, name=vocabulary.negatives[f.name], value=not f.value)
        if f.name in vocabulary.negatives
        else f
        for f in facts
    )


def _facts_by_subject(annotation: Annotation) -> dict[str, list[Fact]]:
    by_subject: dict[str, list[Fact]] = {}
    for fact in _canonical_facts(annotation.facts):
        by_subject.setdefault(fact.subject, []).append(fact)
    return by_subject
