"""Claims against an annotation: supported, contradicted or unknown, with the evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lineament.annotation import Annotation, Fact
from lineament.claims.claim import Claim, ClaimValue, Statement
from lineament.claims.read import read_claims
from lineament.claims.truth import UNKNOWN, Facts, Truth, find_truth
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
    checker = Checker(annotation, subject)
    return Checked(tuple(checker.check(claim) for claim in claims))


class Checker:
    """Checks any number of claims against one annotation.

    Args:
        annotation: What is known.
        subject: Check against this subject alone.
    """

    def __init__(self, annotation: Annotation, subject: str | None = None) -> None:
        self.annotation = annotation
        self._listed: dict[str, list[Fact]] = {}
        for fact in annotation.facts:
            self._listed.setdefault(fact.subject, []).append(fact)
        self._facts = {key: Facts(facts) for key, facts in self._listed.items()}
        self._faces = [subject] if subject is not None else _faces(annotation, self._listed)
        self._everything: Facts | None = None

    def check(self, claim: Claim) -> CheckedClaim:
        """Return the verdict on a claim, with its reason."""
        verdict, truth = self._judge(claim)
        return CheckedClaim(claim, verdict, truth.rule, truth.fact)

    def judge(self, statement: Statement) -> Verdict:
        """Return the verdict on a statement alone."""
        return self._judge(statement)[0]

    def _judge(self, claim: Claim | Statement) -> tuple[Verdict, Truth]:
        if read_vocabulary().require(claim.name).subject == "clip":
            truth = find_truth(claim, self._all_facts(), self.annotation)
            return _verdict(claim, truth), truth
        chosen = choose_subjects(claim, self._faces, self._facts)
        truths = [find_truth(claim, self._facts.get(f, _NO_FACTS), self.annotation) for f in chosen]
        if len(truths) == 1:
            return _verdict(claim, truths[0]), truths[0]
        verdicts: list[tuple[Verdict, Truth]] = [(_verdict(claim, t), t) for t in truths]
        return _combine(verdicts, needs_all=claim.quantity in ("all", "none"))

    def _all_facts(self) -> Facts:
        if self._everything is None:
            self._everything = Facts(fact for own in self._listed.values() for fact in own)
        return self._everything


_NO_FACTS = Facts(())


def choose_subjects(
    claim: Claim | Statement, faces: Sequence[str], facts: Mapping[str, Facts]
) -> Sequence[str]:
    """Return the subjects a claim may be about, by what it says of them; all when in doubt."""
    if len(faces) < 2 or not claim.subject or claim.name == "male":
        return faces
    if claim.subject in ("man", "woman"):
        is_man = claim.subject == "man"
        known = [
            face
            for face in faces
            if any(fact.value is is_man for fact in facts.get(face, _NO_FACTS).named("male"))
        ]
        return known or faces
    if claim.subject in ("left", "right"):
        centres = {f: c for f in faces if (c := facts.get(f, _NO_FACTS).centre_x) is not None}
        if len(centres) == len(faces):
            pick = min if claim.subject == "left" else max
            return [pick(centres, key=lambda face: centres[face])]
    return faces


def _verdict(claim: Claim | Statement, truth: Truth) -> Verdict:
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


def _faces(annotation: Annotation, facts: Mapping[str, list[Fact]]) -> list[str]:
    faces = [s.id for s in annotation.subjects if s.kind == "face"]
    return faces or [s for s in facts if s != "clip"] or ["face 0"]
