"""Times in answers: which of them belong to what was asked, and which to something else."""

import re
from collections.abc import Sequence

from lineament.claims.claim import Claim
from lineament.claims.question_forms import answered
from lineament.claims.read import merge_claims
from lineament.claims.scan import find_items
from lineament.vocabulary import read_vocabulary

_NEVER = re.compile(r"^\W*(?:never|not at all|at no (?:time|point))", re.IGNORECASE)
_DOES_NOT = re.compile(r"^\W*(?:he|she|it) (?:does|is)(?:n't| not)", re.IGNORECASE)
_ALWAYS = re.compile(r"\b(?:throughout|always|whole|entire|all the time)\b", re.IGNORECASE)
# Where one statement ends and another begins; a dot within a number ends nothing.
_CUT = re.compile(
    r"[;!?\n]|\.(?!\d)|,?\s+(?:and|but)\s+(?=(?:then\s+)?(?:he|she|it|they|the)\b)",
    re.IGNORECASE,
)
# "At 2 s, while she turns": what else happens then tells the time; it is not what is told.
_BESIDE = re.compile(
    r"\b(?:while|whilst|when|whenever|as|before|after|until|till|since|once|during)\b[^,]*$",
    re.IGNORECASE,
)


def read_when(
    names: Sequence[str], asked: Sequence[Claim], answer: str, own: tuple[Claim, ...]
) -> tuple[Claim, ...]:
    """Read when something happens; a time in a statement about another action is the other's.

    Args:
        names: Names that are asked about.
        asked: What the question claims, without a time.
        answer: The answer.
        own: What the answer claims whatever was asked.
    """
    parts = [answer[start:stop] for start, stop in _cut(answer)]
    others = [_others_in(names, answer, own, start, stop) for start, stop in _cut(answer)]
    if _NEVER.match(answer) or (_DOES_NOT.match(answer) and not others[0]):
        return merge_claims((*(answered(claim, is_no=True) for claim in asked), *own))
    if any(claim.name in names for claim in own):
        return own
    free = [text for text, other in zip(parts, others, strict=True) if not other]
    beside = [claim for other in others for claim in other]
    spans = [item.measure.value for text in free for item in find_items(text) if item.measure]
    if not spans:
        is_always = any(_ALWAYS.search(text) for text in free)
        return merge_claims((*asked, *beside)) if is_always else own
    timed = (
        Claim(c.name, c.value, c.negated, c.hedged, span, c.subject, c.quantity)
        for c in asked
        for span in spans
    )
    return merge_claims((*timed, *beside))


def _cut(answer: str) -> list[tuple[int, int]]:
    """Return where each statement of an answer starts and stops."""
    cuts = [(match.start(), match.end()) for match in _CUT.finditer(answer)]
    starts = [0, *(stop for _, stop in cuts)]
    return list(zip(starts, [*(start for start, _ in cuts), len(answer)], strict=True))


def _others_in(
    names: Sequence[str], answer: str, own: Sequence[Claim], start: int, stop: int
) -> list[Claim]:
    """Return what one statement tells of actions that were not asked about."""
    known = read_vocabulary().names
    return [
        claim
        for claim in own
        if start <= claim.start < stop
        and known[claim.name].is_timed
        and known[claim.name].kind == "flag"
        and claim.name not in names
        and not _BESIDE.search(answer[start : claim.start])
    ]
