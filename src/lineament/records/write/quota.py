"""Quotas: exactly so many records of each kind about one annotation, all of them true."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import final

from lineament.annotation import Annotation
from lineament.records.record import Record
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.template import (
    KINDS,
    VERSION,
    hash_seed,
    main_subject,
    record_from_draft,
)
from lineament.records.write.view import View

QUOTA = "quota"  # the key of `Annotation.extra` under which kinds and numbers wait
TRIES = 6
ACCESSORIES = frozenset(("accessory", "facial_hair", "makeup", "skin", "face_shape", "nose"))


def find_askable(annotation: Annotation) -> frozenset[str]:
    """Return the kinds of questions that an annotation surely has the facts for.

    It looks at names alone, which is quick; the writer may still find too little to say.
    """
    told = [fact for fact in annotation.facts if fact.value is not False]
    families = {fact.family for fact in told}
    kinds = {"yes_no"}
    kinds |= {"list"} if families & ACCESSORIES else set()
    kinds |= {"which", "color", "choose"} if "hair" in families else set()
    for family, kind in (("action", "action"), ("emotion", "emotion")):
        if family in families:
            kinds.add(kind)
    if any(fact.span_seconds is not None and fact.family == "action" for fact in told):
        kinds.add("timed")
    names = {fact.name for fact in annotation.facts}
    if "happy" in names and names & {"smile", "laugh"}:
        kinds.add("cues")
    if annotation.duration_seconds and ("action" in families or "smile" in annotation.closed):
        kinds.add("count")
    if "male" in names:
        kinds.add("sex")
    if names & {"age_years", "young", "middle_aged", "elderly"}:
        kinds.add("age")
    if len(told) >= 5:
        kinds.add("caption")
    return frozenset(kinds)


@final
@dataclass(frozen=True)
class QuotaWriter:
    """Writes what the quota in ``Annotation.extra`` asks for, and tries again for what fails.

    Text that would not pass verification is replaced before it is counted, since numbers are part
    of a composition. Where one kind gives nothing, others in the order of `fallbacks` step in.

    Attributes:
        fallbacks: Kinds of questions that may take another's place.
        seed: Changes all that is written.
    """

    fallbacks: tuple[str, ...] = ("yes_no",)
    seed: int = 0
    verifier: Verifier = field(default_factory=Verifier, compare=False, repr=False)

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield records whose claims hold; none without a subject or a quota."""
        subject = main_subject(annotation)
        quota: Mapping[str, int] = annotation.extra.get(QUOTA, {})
        if subject is None or not quota:
            return
        view, rng = View(annotation, subject), Random(hash_seed(self.seed, annotation.media))
        origin = {
            "licence": annotation.licence,
            "split_key": annotation.split_key,
            **(provenance or {}),
            "writer": VERSION,
            "seed": str(self.seed),
        }
        asked: set[str] = set()
        short = 0
        for kind, count in quota.items():
            found = 0
            for record in self._write_kind(kind, count, view, rng, origin, asked):
                found += 1
                yield record
            short += (count - found) if kind in self.fallbacks else 0
        for kind in ("yes_no", *self.fallbacks):
            if not short:
                return
            for record in self._write_kind(kind, short, view, rng, origin, asked):
                short -= 1
                yield record

    def _write_kind(
        self, kind: str, count: int, view: View, rng: Random, origin: Mapping[str, str],
        asked: set[str],
    ) -> Iterator[Record]:  # fmt: skip
        for _ in range(TRIES):
            if count <= 0:
                return
            for draft in KINDS[kind](view, rng, count):
                if count <= 0 or draft.pairs[0][0] in asked:
                    continue
                record = record_from_draft(draft, view.annotation.media, origin)
                if isinstance(self.verifier.verify(record, view.annotation), Rejected):
                    continue
                asked.add(draft.pairs[0][0])
                count -= 1
                yield record
