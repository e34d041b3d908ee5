"""What a question wants: a description, a count of times, or more of what was asked before."""

import functools
import re
from collections.abc import Iterable, Sequence

from lineament.claims import Question, read_question
from lineament.claims.scan import find_items
from lineament.describe.wording import has_options, write_plainly
from lineament.vocabulary import read_vocabulary

Turns = Sequence[tuple[str, str]]

_MEDIA = r"(?:picture|image|photo(?:graph)?|portrait|clip|video|film|frame|scene|shot|footage|here)"
_SHOWN = rf"(?:(?:the|this|that)\s+)?{_MEDIA}|it|this|that"
_WHO = (
    r"(?:he|she|they|it|this|that|(?:the|this|that)\s+(?:person|man|woman|face|individual|subject"
    r"|guy|lady|speaker|one)|(?:his|her|their|(?:the|this)\s+(?:person|man|woman)'s)\s+face)"
)
_COURTESY = re.compile(
    r"^\W*(?:(?:please|now|and|then|so|well|kindly|just|ok(?:ay)?)\b[\s,]*"
    r"|(?:can|could|would|will)\s+you\s+|i\s+(?:want|would\s+like)\s+you\s+to\s+"
    r"|(?:thanks?(?:\s+you)?|good|fine|i\s+see|all\s+right|finally|one\s+more\s+thing"
    r"|one\s+last\s+question)\b[.:,!]\s*)+",
    re.IGNORECASE,
)
# Orders for a description; what part they name, if any, is for the reader to say.
_DESCRIBE = re.compile(
    r"^(?:(?:describe|summari[sz]e|caption|portray|depict|characteri[sz]e|outline|sum\s+up)\b"
    r"|(?:write|give|make|provide|create|generate|compose|produce|show|i\s+(?:want|need)|need)\b"
    r".*\b(?:captions?|summary|description|overview)\b"
    r"|(?:tell|show)\s+(?:me|us)\s+(?:\w+\s+){0,2}?(?:about|what|everything|all)\b"
    r"|(?:list|name|say|report|state|mention|explain)\b.*\b(?:all|everything|every|what)\b"
    r".*\b(?:see|seen|visible|shown)\b"
    r"|say\s+something\s+about\b"
    r"|(?:an?\s+|the\s+)?(?:(?:short|full|detailed|brief|long|complete)\s+)*"
    r"(?:description|caption|summary|overview)\b)",
    re.IGNORECASE,
)
_TAIL = rf"(?:\s+(?:(?:in|on|of|from|about|with)\s+)?(?:{_SHOWN}|{_WHO}"
_TAIL += r"|him|her|them))*\W*$"
_WHAT = re.compile(
    rf"^(?:what(?:'s|\s+is|\s+are)\s+(?:going\s+on|happening|(?:to\s+be\s+)?seen|shown|visible"
    rf"|depicted){_TAIL}"
    rf"|what\s+(?:happens|happened|is\s+there)(?:\s+to\s+see)?{_TAIL}"
    rf"|what\s+(?:else\s+)?(?:do|can|could|did)\s+(?:you|we|i|one)"
    rf"(?:\s+(?:see|observe|notice|make\s+out|perceive|say|tell))(?:\s+(?:me|us))?{_TAIL}"
    rf"|what\s+can\s+be\s+(?:seen|observed|said){_TAIL}"
    rf"|what(?:'s|\s+is)\s+(?:in|on|shown\s+in|shown\s+on|this|that)(?:\s+(?:{_SHOWN}))?\W*$"
    rf"|what\s+(?:does|do)\s+(?:{_SHOWN})\s+(?:show|contain|depict|present|look\s+like)\W*$"
    rf"|what\s+(?:does|do)\s+{_WHO}\s+look\s+like(?:{_TAIL}|[.?]\s)"
    rf"|what\s+is\s+{_WHO}\s+like{_TAIL})",
    re.IGNORECASE,
)
_SHAPE = re.compile(r"\b(?:shape|outline|form)\b", re.IGNORECASE)
_OF_WHOLE = ("", "face")

_VERB = re.compile(
    r"\b(?:is|are|was|were|am|do|does|did|has|have|had|can|could|would|will|looks?|wears?|seems?"
    r"|appears?|what|which|when|where|who|whose|how|why|describe|tell|list|name|give|count|guess"
    r"|summari[sz]e|caption|write|put|sort|order|arrange|state|compare)\b|n't\b"
    r"|^\W*(?:so\s+)?(?:he|she|it|they|(?:the|this)\s+(?:person|man|woman))\s+\w",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"^\W*(?:and\s+|but\s+|or\s+)?(?:what|how)\s+about\b", re.IGNORECASE)
_REFERS = re.compile(
    r"\b(?:after|before|since|during|until|at)\s+(?:that|this|then)\b(?!\s+\w)"
    r"|\b(?:do|does|did|happens?)\s+(?:that|this|so)(?:\s+happen\w*)?\W*$|\bafterwards?\W*$"
    r"|\b(?:then|next)\W*$|^\W*(?:and\s+)?what\s+(?:follows|comes\s+next)\W*$"
    r"|^\W*(?:and\s+)?why\W*$|\b(?:say|think)\s+so\W*$|^\W*(?:what|which\s+detail)\s+shows\s+"
    r"(?:it|that)\W*$|\bthat\s+based\s+on\b|\b(?:can|do)\s+you\s+(?:tell|know)\W*$"
    r"|\bwhen\s+(?:is|was|does|can\s+one\s+see)\s+(?:that|this|it)\b(?!\s+(?:person|man|woman))",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"^\W*(?:(?:and|but)\s+)?(?:are\s+you\s+(?:really\s+|quite\s+|very\s+|so\s+)?(?:sure|certain)"
    r"|really|is\s+that\s+(?:so|true|right)|certain|sure|and\s+now|now|for\s+real|again)\W*$",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\bwhy\b|\bcues?\b|\bsigns?\b|\bmakes?\b|\bimpression\b|\bhow\s+(?:can|could|do|does)\b"
    r"|\bdetails?\b|\bshows?\b|\bwhat\s+in\b",
    re.IGNORECASE,
)
_HOW_OFTEN = re.compile(
    r"\bhow\s+(?:many\s+times|often|frequently)\b|\bnumber\s+of\s+times(?:\s+that)?\b",
    re.IGNORECASE,
)
_HOW_LONG = re.compile(r"\b(?:how\s+many\s+seconds|how\s+much\s+time|how\s+long)\b", re.IGNORECASE)
# Yes/no questions that models are taught and of which the reader makes no claim.
_TAUGHT = re.compile(
    r"\bhead\b.*\b(?:mov(?:e|es|ing|ement)|still)\b|\bmov(?:e|es|ing|ement)\b.*\bhead\b"
    r"|\b(?:anybody|anyone|somebody|someone)\s+else\b|\b(?:older|younger)\s+than\s+\d"
    r"|\bhair\s+above\b.*\blip\b",
    re.IGNORECASE,
)

# Words for a topic that no phrase of the lexicon stands for, and the names they speak of.
_TOPICS: tuple[tuple[str, str], ...] = (
    (r"age\b|aged", "age_years young middle_aged elderly"),
    (r"neck|accessor\w+|jewell?e?ry", "family:accessory"),
    (r"(?:has|have|had)\s+on\b|garments?", "family:clothes family:accessory"),
    (r"place|surroundings|setting", "place background_color"),
    (r"colou?rs?\s+(?:is\s+)?behind", "background_color"),
    (r"make-?\s?up", "family:makeup"),
    (r"light|lit\b|shadows?|bright|dim\b", "family:light"),
    (r"doing|(?:do|does|did)\s+(?:\w+\s+){1,2}do\b|does\W*$|happen\w*|comes?\b|follows\b"
     r"|actions?\b|begins?\b|starts?\b|going\s+on|(?:first|next|after)\b", "family:action"),
    (r"look(?:s|ing)?\W*$|gaze", "family:pose gaze gaze_away look_around family:emotion"),
    (r"features?", "family:face_shape family:eyebrows family:nose family:mouth family:eyes"),
    (r"two\b|people|persons|both|apart|differ\w*", "num_people"),
)  # fmt: skip
_HEADS = {
    "background": "family:background", "cheekbones": "family:face_shape",
    "cheeks": "family:skin family:face_shape", "chin": "family:face_shape family:facial_hair",
    "clothes": "family:clothes", "clothes_type": "family:clothes", "ears": "family:accessory",
    "expression": "family:emotion", "eyebrows": "family:eyebrows", "eyes": "family:eyes",
    "face": "family:face_shape family:skin family:emotion family:accessory family:makeup"
            " family:facial_hair family:eyebrows family:nose family:mouth family:eyes",
    "facial_hair": "family:facial_hair", "gaze": "family:pose gaze gaze_away",
    "hair": "family:hair", "hairline": "family:hair", "head": "family:accessory family:pose",
    "light": "family:light", "lips": "family:mouth", "makeup": "family:makeup",
    "mouth": "family:mouth open_mouth", "nose": "family:nose", "pose": "family:pose",
    "scene": "family:background", "skin": "family:skin",
}  # fmt: skip


def without_courtesy(question: str) -> str:
    """Return a question without what leads up to it: ``could you please``, ``one more thing``."""
    return _COURTESY.sub("", question.strip().replace("’", "'"))


def is_summary_wanted(question: str) -> bool:
    """Say whether a question asks for a description of everything, or of the whole face."""
    text = without_courtesy(question)
    if _WHAT.match(text):
        return True
    if not _DESCRIBE.match(text):
        return False
    asked = read_question(text)
    if asked.claims or _SHAPE.search(text):
        return False
    return asked.key in _OF_WHOLE and (not asked.names or asked.key == "face")


def is_read(asked: Question) -> bool:
    """Say whether the reader knows what a question is about."""
    return bool(asked.claims or asked.names or asked.key)


def is_taught(question: str) -> bool:
    """Say whether models know a question that the reader does not: ``Does the head move?``."""
    return _TAUGHT.search(question) is not None


def is_why(question: str) -> bool:
    """Say whether a question asks by what something can be told."""
    return _CUE.search(question) is not None


def is_doubt(question: str) -> bool:
    """Say whether somebody asks no more than to be told again: ``Are you sure?``."""
    return _DOUBT.match(question) is not None


def is_when(question: str) -> bool:
    """Say whether a question asks for the time of something, or for how long it lasts."""
    asked = read_question(question)
    if asked.kind == "when":
        return bool(asked.claims) or not find_mentioned(question)
    return _HOW_LONG.search(question) is not None and not asked.key


def find_often(question: str) -> str | None:
    """Return a question for how often something is done as one for when; None for others."""
    match = _HOW_OFTEN.search(question)
    return None if match is None else f"When {question[match.end() :].strip()}"


def stands_alone(question: str) -> bool:
    """Say whether a question can be understood without those before it."""
    if has_options(question):
        return True
    if _ABOUT.match(question) or _REFERS.search(question):
        return False
    has_verb = _VERB.search(question) is not None
    if not has_verb and " or " not in question:
        return is_summary_wanted(question)
    asked = read_question(question)
    if is_read(asked) or is_taught(question) or is_summary_wanted(question):
        return True
    return bool(find_mentioned(question))


def choose_turns(question: str, turns: Turns) -> Turns:
    """Return the turns that a question needs to be understood: the last one, or none."""
    return () if stands_alone(question) else tuple(turns)[-1:]


def understand(question: str, history: Turns) -> tuple[str, Turns]:
    """Return a question as the model is to read it, with the turns that it needs.

    Who doubts an answer is asking the same again.
    """
    turns = [(str(asked), str(answered)) for asked, answered in history]
    plain = write_plainly(question)
    while turns and is_doubt(plain):
        plain = write_plainly(turns.pop()[0])
    return plain, choose_turns(plain, turns)


@functools.lru_cache(maxsize=4096)
def find_mentioned(question: str) -> frozenset[str]:
    """Return the names that any word of a question speaks of, whatever it asks."""
    found = {*read_question(question).names, *read_question(without_courtesy(question)).names}
    heads: set[str] = set()
    qualities: dict[str, set[str]] = {}
    for item in find_items(question):
        found |= {name for name, _ in item.entry.readings}
        heads |= {item.entry.head} if item.entry.head else set(item.entry.acts)
        for head, readings in item.entry.quals.items():
            qualities.setdefault(head, set()).update(name for name, _ in readings)
    for head in heads:
        found |= _names_of(_HEADS.get(head, ""))
    for head, names in qualities.items():
        if head == "person" or (head in heads and head != "picture"):
            found |= names
    for pattern, names in _TOPICS:
        if re.search(rf"(?<!\w)(?:{pattern})", question, re.IGNORECASE):
            found |= _names_of(names)
    return frozenset(found)


@functools.cache
def _names_of(names: str) -> frozenset[str]:
    found: set[str] = set()
    for word in names.split():
        family = word.removeprefix("family:")
        if family == word:
            found.add(word)
        else:
            found |= {entry.id for entry in read_vocabulary().of_family(family)}
    return frozenset(found)


def are_related(names: Iterable[str], others: Iterable[str]) -> bool:
    """Say whether any of the names is one of the others, or bears on one: hair and its colour."""
    vocabulary = read_vocabulary()
    others = set(others)
    wider = set(others)
    for name in others & vocabulary.names.keys():
        entry = vocabulary.names[name]
        wider |= vocabulary.excluded_by(name) | set(entry.implies)
        wider |= vocabulary.implied_by.get(name, frozenset())
        if entry.family not in ("action", "accessory", "person"):
            wider |= {other.id for other in vocabulary.of_family(entry.family)}
    return not wider.isdisjoint(names)
