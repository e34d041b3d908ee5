"""Forms of a question: in the negative, with a tag, behind a preface; and what no says then."""

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

_WHO = (
    r"(?:he|she|they|it|there|(?:the|this|that|his|her|their|its)\s+(?:[\w'-]+\s+){0,2}?[\w'-]+"
    r"(?:\s+(?:on|in|at|to)\s+the\s+\w+)?)"
)
_IS_IT_SO = re.compile(
    r"^\W*is\s+it\s+(?:(?P<no>false|untrue|wrong|incorrect|not\s+true|a\s+lie)|true|so|right)"
    r"\s+that\s+",
    re.IGNORECASE,
)
_STATED = re.compile(
    rf"^(?P<who>{_WHO})\s+(?:(?P<be>is|are|was|were|has\s+got|have\s+got|can)|(?P<verb>[a-z]+s))"
    r"\b\s*(?P<rest>[^?]*?)\W*$",
    re.IGNORECASE,
)
_LACKING = re.compile(
    rf"^\W*(?P<verb>is|are|was|were|does|do|did)\s+(?P<who>{_WHO})\s+(?:lack|lacking|(?:(?:go|going"
    r"|do|doing)\s+)?without|(?:free|devoid|bare)\s+of|free\s+from)\s+(?:any\s+)?"
    r"(?P<what>(?!\w*(?<!r)ing\b)[^?]+?)\W*$",
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


def deny_not(question: str, *, is_worn: bool) -> str | None:
    """Return "is he without a hat?" and "is it false that he has a hat?" without the denial.

    Args:
        question: Without preface and tag.
        is_worn: What is denied is worn, not grown or done.
    """
    text, is_denied = question, False
    if so := _IS_IT_SO.match(text):
        text, is_denied = _ask_stated(text[so.end() :]), bool(so["no"])
    lacking = _LACKING.match(text)
    if lacking and is_denied:
        return None
    if lacking:
        verb = lacking["verb"].lower()
        is_past, is_many = verb in ("was", "were", "did"), verb in ("are", "were", "do")
        if is_worn:
            lead = ("were" if is_many else "was") if is_past else ("are" if is_many else "is")
            text = f"{lead} {lacking['who']} wearing {lacking['what']}"
        else:
            lead = "did" if is_past else "do" if is_many else "does"
            text = f"{lead} {lacking['who']} have {lacking['what']}"
        is_denied = True
    return f"{text[0].upper()}{text[1:]}?" if is_denied and text else None


def _ask_stated(statement: str) -> str:
    """Return "he is bald" as "is he bald", and "he wears a hat" as "does he wear a hat"."""
    said = _STATED.match(statement)
    if said is None:
        return ""
    if said["be"]:
        lead, _, got = said["be"].partition(" ")
        return " ".join(filter(None, (lead, said["who"], got, said["rest"])))
    verb = said["verb"].lower()
    stem = "have" if verb == "has" else re.sub(r"ies$", "y", verb)
    if stem == verb:
        stem = re.sub(r"(?<=ss|sh|ch|xx|zz)es$|s$", "", verb)
    return f"does {said['who']} {stem} {said['rest']}".rstrip()
