"""Questions and their answers: what is asked, and what an answer says to it."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from lineament.claims.claim import Claim
from lineament.claims.question_forms import (
    answered,
    asks_denied,
    deny_not,
    without_preface,
    without_tag,
)
from lineament.claims.read import merge_claims, read_claims
from lineament.claims.scan import find_items, read_sentence
from lineament.claims.state import Context
from lineament.claims.when import read_when
from lineament.vocabulary import read_vocabulary

Asked = Literal["whether", "which", "how many", "how old", "when", "what", "where"]


class Question(NamedTuple):
    """What a question asks.

    Attributes:
        kind: ``whether`` wants yes or no, ``which`` one of several, ``what`` a description.
        names: Names of the vocabulary it asks about; empty when it asks about anything.
        key: The part asked about, as the key of a ``key: value`` line.
        claims: The claims it would make as a statement, for ``whether`` and ``when``.
    """

    kind: Asked
    names: tuple[str, ...]
    key: str
    claims: tuple[Claim, ...]


_IN = r"(?:of|in|at|on|with|from|to|by|for|during|between|since|until|till|within)"
_ORDER = r"(?:describe|tell|name|give|state|specify|report|indicate)"
_TIME = r"(?:time|moment|second|timestamp|point|period|span|interval|stretch)s?\b"
_KINDS: tuple[tuple[str, Asked], ...] = (
    (r"how\s+many\s+(?:people|persons|faces|individuals|men|women)", "how many"),
    (r"how\s+old|what\s+age|(?:what|which)(?:'s|\s+is)?\s.*\bage\b", "how old"),
    (
        rf"when|how\s+long|{_IN}\s+(?:what|which)\s+(?:\w+\s+)?{_TIME}"
        rf"|(?:what|which|{_ORDER})(?:\s+is|'s)?\s+(?:me\s+|us\s+)?(?:the\s+)?(?:exact\s+)?{_TIME}",
        "when",
    ),
    (r"where", "where"),
    (rf"(?:what|which|how|who|whose|{_ORDER})\b", "what"),
)
# Parts a question may name, the key its answer is read with, and the names it asks about.
_PARTS: tuple[tuple[str, str, str], ...] = (
    (r"facial\s+hair|beard", "facial hair", "family:facial_hair"),
    (r"hair\b|haircut|hairstyle", "hair", "family:hair"),
    (r"eyebrows?|brows?", "eyebrows", "family:eyebrows"),
    (
        r"gaze|(?:is|are|does|do)\s+\S+(?:\s+\S+)?\s+look(?:ing)?(?:\s+at)?\s*\?",
        "gaze",
        "gaze_direction gaze_away",
    ),
    (r"eyes?", "eyes", "family:eyes"),
    (r"nose", "nose", "family:nose"),
    (r"lips?", "lips", "family:mouth"),
    (r"skin|complexion", "skin", "pale_skin tan_skin dark_skin"),
    (r"cheeks?", "cheeks", "rosy_cheeks chubby"),
    (r"expression|emotion|mood|feel(?:ing)?", "expression", "family:emotion"),
    (r"head|fac(?:e|ing)\s+(?:point|turn)", "head pose", "head_pose"),
    (r"face", "face", "family:face_shape"),
    (r"background|backdrop", "background", "background_color"),
    (
        r"light(?:ing)?\s+(?:com|from)|direction.*light|light.*direction|where.*light",
        "light",
        "light_direction",
    ),
    (r"light(?:ing)?|bright", "light", "family:light"),
    (r"accessor|jewell?e?ry", "accessories", "family:accessory"),
    (
        r"wear(?:ing)?|cloth(?:es|ing)|outfit|shirt|jacket|dress(?:ed)?|sweater|suit|coat",
        "clothes",
        "family:clothes",
    ),
    (r"make-?\s?up", "makeup", "family:makeup"),
    (r"doing|do\b|happen|action", "", "family:action"),
    (r"gender|sex|man\s+or\s+(?:a\s+)?woman", "gender", "male"),
)
_SHORT_YES = r"(?:he|she|it|they|there)\s+(?:is|does|are|do|has|was|did)"
_YES = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|correct|right|true|indeed|exactly|certainly|of course|absolutely"
    rf"|definitely|sure|{_SHORT_YES}(?=\s*[.!]*$))\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^\W*(?:no|nope|nah|not really|not at all|never|false|wrong|none|nobody|neither"
    rf"|{_SHORT_YES}(?:n't|\s+not)(?=\s*[.!]*$))\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"^\W*(?:maybe|perhaps|possibly|probably|likely|it might|might be|could be)\b", re.IGNORECASE
)
_BOTH = re.compile(r"^\W*both\b", re.IGNORECASE)
_OPENING = re.compile(
    rf"^\W*(?:(?:{_IN}\s+)?(?:what|which|how|when|where|who|whose|whom)|{_ORDER})\b",
    re.IGNORECASE,
)
# "Can you tell", "would you say that": what follows is the question.
_PREAMBLE = re.compile(
    r"^\W*(?:please,?\s+)?(?:(?:can|could|would|will|do)\s+you\s+(?:please\s+)?)?"
    r"(?:(?:tell|say|know|see|state|determine|think|judge|report|indicate|specify|describe)"
    r"(?:\s+(?:me|us))?)\s+"
    rf"(?:(?:whether|if|that)\s+|(?=(?:{_IN}\s+)?(?:what|which|how|when|where|who|whose)\b))"
    r"|^\W*(?:do\s+you\s+think|would\s+you\s+say),?\s+",
    re.IGNORECASE,
)
# "Tell me: is she happy?", "When he turns, does he smile?": yes or no is wanted.
_LEAD = re.compile(
    rf"^\W*(?:please,?\s+)?(?:{_ORDER}|say|answer|(?:what|how)\s+about|when|while|as|if)\b"
    r"[^,:.?]*[,:.]\s+(?=(?:is|are|was|were|do|does|did|has|have|had|can|could)(?:n't)?\s+"
    r"(?:he|she|it|they|there|you|the|this|that|these|those|his|her|their|its|any\w*|an?)\s+\w)",
    re.IGNORECASE,
)
# "Isn't there a hat?", "Is she not smiling?": yes to either is yes to the question without not.
_NOT_IN_FRONT = re.compile(
    r"^(\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|would))"
    r"(?:n'?t\b|(\s+(?:the\s+)?\w+)\s+not\b)",
    re.IGNORECASE,
)
_BARE_NO = re.compile(
    r"^\W*(?:no|nope|nah|never|not\s+really|not\s+at\s+all|false|wrong)\W*$", re.I
)
# Parts that somebody may be without, so that a bare no says something of them.
_MAY_LACK = frozenset(("facial hair", "accessories", "makeup"))
_WORN = frozenset(("accessory", "clothes", "makeup"))


@lru_cache(maxsize=16384)
def read_question(question: str) -> Question:
    """Read what a question asks."""
    text = without_preface(question.strip().replace("’", "'"))
    text = _LEAD.sub("", without_preface(_PREAMBLE.sub("", text)))
    kind: Asked = "whether"
    if _OPENING.match(text):
        kind = _kind_of(text)
    is_denied = asks_denied(text)
    text = without_tag(text)
    if is_denied and _NOT_IN_FRONT.match(text):
        is_denied = False
        text = _PREAMBLE.sub("", _NOT_IN_FRONT.sub(r"\1\2", text))
    claims = read_sentence(text.rstrip("?! ") + ".", Context()).claims
    claims = tuple(c for c in claims if c.name != "male" or not _is_known_sex(c, text))
    if is_denied:
        claims = tuple(answered(c, is_no=True) for c in claims)
    if kind in ("whether", "when"):
        if kind == "whether" and len(claims) > 1 and re.search(r"\bor\b", text, re.I):
            kind = "which"
        claims = tuple(_firm(c) for c in claims)
        return Question(kind, tuple(dict.fromkeys(c.name for c in claims)), "", claims)
    if kind == "how many":
        return Question(kind, ("num_people",), "number of people", ())
    if kind == "how old":
        return Question(kind, ("age_years",), "age", ())
    if kind == "where" and not re.search(r"look|gaze|light|head|face\b", text, re.I):
        return Question(kind, ("place",), "", ())
    for pattern, key, names in _PARTS:
        if re.search(rf"(?<!\w)(?:{pattern})", text, re.I):
            return Question(kind, _names_of(names), key, ())
    return Question(kind, (), "", ())


def _is_known_sex(claim: Claim, question: str) -> bool:
    """Say whether a question takes a sex for granted: ``she``, ``the woman``, not ``a woman``."""
    word = claim.text.lower()
    if word in _PRONOUNS:
        return True
    num_between = 0 if word in ("male", "female") else 2
    pattern = rf"\b(?:the|this|that|these|those)\s+(?:(?!an?\s)\w+\s+){{0,{num_between}}}$"
    return bool(re.search(pattern, question[: claim.start], re.IGNORECASE))


def _kind_of(question: str) -> Asked:
    for pattern, kind in _KINDS:
        if re.search(rf"\b(?:{pattern})", question, re.I):
            return kind
    return "what"


def _names_of(names: str) -> tuple[str, ...]:
    family = names.removeprefix("family:")
    if family != names:
        return tuple(entry.id for entry in read_vocabulary().of_family(family))
    return tuple(names.split())


_PRONOUNS = frozenset(("he", "she", "his", "her", "him", "himself", "herself", "hers"))


def plain_form(question: str) -> str | None:
    """Return a yes-or-no question without the word that denies what it asks.

    "Is the person without glasses?" becomes "Is the person wearing glasses?", to which no says
    what yes says to the first. None where nothing is denied by ``without``, ``lack``, ``free of``
    or ``is it false that``, or where the question asks about several things.
    """
    asked = read_question(question)
    said = [c for c in asked.claims if c.name != "male"]
    if asked.kind != "whether" or len(said) != 1:
        return None
    text = _LEAD.sub("", without_preface(question.strip().replace("’", "'")))
    is_worn = read_vocabulary().require(said[0].name).family in _WORN
    plain = deny_not(_PREAMBLE.sub("", text), is_worn=is_worn)
    if plain is None:
        return None
    opposite = [answered(c, is_no=True) for c in read_question(plain).claims if c.name != "male"]
    return plain if opposite == said else None


def read_answer(question: str, answer: str) -> tuple[Claim, ...]:
    """Read what an answer says, given the question it answers.

    Offsets are those of the answer; claims that only the question words carry start at 0.
    """
    asked = read_question(question)
    own = read_claims(answer)
    if asked.kind == "whether":
        return merge_claims((*_unopposed(_confirmed(asked, answer), own), *own))
    if asked.kind == "which":
        return _read_choice(asked, answer, own)
    if asked.kind == "when":
        return read_when(asked.names, asked.claims, answer, own)
    is_said = any(c.name in asked.names and c.name != "male" for c in own)
    if _BARE_NO.match(answer) and asked.key not in _MAY_LACK:
        return own  # no is no expression, and no hair colour
    if asked.key and not is_said and (asked.key != "clothes" or not own):
        own = (*own, *_read_as_value(asked.key, answer))
    return merge_claims(own)


def _firm(claim: Claim) -> Claim:
    return Claim(
        claim.name, claim.value, claim.negated, False, claim.span_seconds, claim.subject,
        claim.quantity, "", 0, 0,
    )  # fmt: skip


def _confirmed(asked: Question, answer: str) -> list[Claim]:
    if _NO.match(answer):
        return [answered(c, is_no=True) for c in asked.claims]
    if _YES.match(answer):
        return list(asked.claims)
    if _DOUBT.match(answer) and len(answer.split()) <= 3:
        return [
            Claim(c.name, c.value, c.negated, True, c.span_seconds, c.subject, c.quantity)
            for c in asked.claims
        ]
    return []


def _unopposed(confirmed: list[Claim], own: tuple[Claim, ...]) -> list[Claim]:
    """Leave out what a yes or no says where the answer's own words say the opposite.

    Asked "is he never smiling?", a model may say "no, he does not smile" and mean his words.
    """
    return [c for c in confirmed if not any(_is_opposite(c, other) for other in own)]


def _is_opposite(claim: Claim, other: Claim) -> bool:
    if claim.name != other.name or claim.quantity != other.quantity:
        return False
    if claim.subject and other.subject and claim.subject != other.subject:
        return False
    spans = (claim.span_seconds, other.span_seconds)
    if None not in spans and spans[0] != spans[1]:
        return False
    if isinstance(claim.value, bool):
        return claim.value is not other.value
    return claim.value == other.value and claim.negated is not other.negated


def _read_choice(asked: Question, answer: str, own: tuple[Claim, ...]) -> tuple[Claim, ...]:
    if _BOTH.match(answer):
        return asked.claims
    if _NO.match(answer):
        denied = [answered(c, is_no=True) for c in asked.claims]
        return merge_claims((*_unopposed(denied, own), *own))
    if own:
        return own
    words = {item.entry.word for item in find_items(answer)}
    chosen = [c for c in asked.claims if words & set(str(c.value).split())]
    if not chosen:
        for key in ("hair", "eyes", "clothes", "background", "light", "face", "head pose", "gaze"):
            read = _read_as_value(key, answer)
            names = set(asked.names)
            chosen = [c for c in read if c.name in names]
            if chosen:
                break
    return merge_claims(chosen)


def _read_as_value(key: str, answer: str) -> tuple[Claim, ...]:
    start = len(key) + 2
    claims = read_claims(f"{key}: {answer}")
    return tuple(
        Claim(
            c.name, c.value, c.negated, c.hedged, c.span_seconds, c.subject, c.quantity, c.text,
            max(c.start - start, 0), max(c.stop - start, 0),
        )
        for c in claims
    )  # fmt: skip
