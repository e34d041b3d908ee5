"""Forms of a question: put in the negative, with a tag, behind a preface; and what no says then."""

import re

from lineament.claims.claim import Claim

_TAG = re.compile(
    r",\s*(?:(?:is|are|was|does|do|did|has|have|can)(?:n'?t)?|right|correct)"
    r"(?:\s+(?:he|she|it|they|there))?(?:\s+not)?\s*\?$",
    re.IGNORECASE,
)
_VERB = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|would)"
# No to "isn't she smiling?" denies that she smiles, and so it does after "she isn't, is she?".
_ASKS_DENIED = re.compile(
    rf"^\W*(?:{_VERB}n'?t\b|{_VERB}\s+(?:the\s+)?\w+\s+not\b"
    rf"|(?:the\s+)?\w+\s+{_VERB}(?:n't|\s+not)\b[^,]*\?$)",
    re.IGNORECASE,
)
_DENIED = re.compile(r"n't\b|\b(?:not|no|never|without|nobody|none)\b", re.IGNORECASE)
_TAG_VERB = re.compile(rf",\s*{_VERB}\b", re.IGNORECASE)
# Ways to ask whether something may be said; what is said is what matters.
_ASKS_TO_SAY = re.compile(
    r"^\W*(?:(?:so|well|tell\s+me|please)\b\W*)*"
    r"(?:(?:would|could|can|should)\s+(?:you|one|we)\s+say|is\s+it\s+"
    r"(?:fair|right|correct|true|accurate|wrong)\s+to\s+say)\s+(?:that\s+)?",
    re.IGNORECASE,
)
_ASKS_AFTER = re.compile(
    r"^(?P<said>[^?]*\w)[.;]\s+is\s+(?:that|this|it)\s+(?:right|correct|so|true)\s*\?$",
    re.IGNORECASE,
)


def answered(claim: Claim, *, is_no: bool) -> Claim:
    """Return what yes or no to a claim says."""
    if not is_no:
        return claim
    value = not claim.value if isinstance(claim.value, bool) else claim.value
    return Claim(
        claim.name, value, not claim.negated and not isinstance(claim.value, bool), claim.hedged,
        claim.span_seconds, claim.subject, claim.quantity, claim.text, claim.start, claim.stop,
    )  # fmt: skip


def asks_denied(question: str) -> bool:
    """Say whether a question is put in the negative, so that no agrees with its words."""
    question = question.strip()
    tag = _TAG.search(question)
    if tag is None:
        return bool(_ASKS_DENIED.match(question))
    is_positive_tag = bool(_TAG_VERB.match(tag.group())) and not _DENIED.search(tag.group())
    return is_positive_tag and bool(_DENIED.search(question[: tag.start()]))


def without_preface(question: str) -> str:
    """Return "would you say that ...?" and "... . Is that right?" as "is it true that ...?"."""
    after = _ASKS_AFTER.match(question)
    if after:
        question = f"Is it true that {after['said']}?"
    return _ASKS_TO_SAY.sub("Is it true that ", question)


def without_tag(question: str) -> str:
    """Return a question without its ``is she?``."""
    tag = _TAG.search(question)
    return question[: tag.start()] if tag else question
