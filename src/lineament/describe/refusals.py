"""What is never answered, by rule and before any model is asked: identity and ancestry."""

import re
from typing import Literal

from lineament.annotation import Annotation
from lineament.claims import read_question

Topic = Literal["who", "ancestry", "no face"]

REFUSALS: dict[Topic, str] = {
    "who": "I cannot tell who somebody is; I do not identify people.",
    "ancestry": "I cannot tell; I do not judge where somebody's family comes from.",
    "no face": "I cannot tell: no face can be seen in this {media}.",
}
_SOMEBODY = (
    r"(?:he|she|they|it|this|that|these|those|him|her|them|you see|"
    r"(?:the|this|that|a)\s+(?:\w+\s+)?(?:person|people|man|men|woman|women|guy|lady|individual"
    r"|speaker|subject|face|human|adult|one|celebrity|gentleman))"
)
_WHO = re.compile(
    rf"\b(?:who|whom)\b[^.?!]{{0,40}}?\b(?:is|are|was|were|'s|be)\s+{_SOMEBODY}\b"
    rf"|\bwho(?:'s|\s+is|\s+are)\s+{_SOMEBODY}\b|\bwho\s+{_SOMEBODY}\s+(?:is|are|was|were)\b"
    rf"|\bname\s+{_SOMEBODY}(?!\s+\w+ing)\b"
    r"|\bwho\s+(?:might|could|may)\s+(?:\w+\s+){1,3}be\b"
    r"|\bwho(?:'s|\s+is|\s+are)\s+(?:in|on|shown|seen|depicted|pictured|visible)\b"
    r"|\bwho\s+(?:do|can|am)\s+(?:you|i|we)\b"
    r"|\bwhose\s+(?:face|head|picture|photo|portrait|video|clip)\b"
    r"|\b(?:his|her|their|its|whose|'s|(?:first|last|full|real|family)|what)\s+names?\b"
    r"|\bnames?\s+of\s+(?:him|her|them|the|this|that)\b|\b(?:named|surname)\b"
    rf"|\bwhat(?:'s|\s+is|\s+are)\s+{_SOMEBODY}\s+called\b"
    r"|\b(?:identif\w*|identity|recogni[sz]e|recognition)\b"
    r"|\b(?:celebrit\w+|famous|somebody known|well[- ]known)\b"
    rf"|\b(?:do|did|have)\s+(?:you|we|i)\s+(?:know|met|seen?)\s+{_SOMEBODY}\b"
    r"|\bsame\s+(?:person|man|woman|face)\s+(?:as|in)\b",
    re.IGNORECASE,
)
# "Is this Jane Doe?": a capital inside the question is a name, since no word of ours has one.
_NAME = re.compile(
    r"\b(?:[Ii]s|[Ww]as|[Ii]sn't|[Aa]re|[Cc]ould)\s+(?:this|that|it|he|she|they|the\s+\w+)\s+"
    r"(?:(?:be|really|not|maybe|perhaps|actually)\s+)*(?!I\b)[A-Z][\w'-]+"
)
_PEOPLES = (
    r"asian|african|european|american|caucasian|hispanic|latin[oax]|arab\w*|indian|chinese"
    r"|japanese|korean|jew\w*|slavic|nordic|german|french|italian|russian|mexican|turkish"
    r"|persian|middle[- ]eastern|indigenous|mixed[- ]race|biracial|aboriginal|polynesian"
)
_ANCESTRY = re.compile(
    r"\b(?:ethnic\w*|race|races|racial\w*|nationalit\w+|ancest\w+|descent|heritage|lineage"
    r"|birthplace|homeland|native\s+country|foreigner|immigrant)\b"
    rf"|\bwhere\b(?![^.?!]*\b(?:light|lit|sun|shadow|lamp))[^.?!]{{0,40}}\b(?:from|born|originat\w*|grew\s+up|hail\w*|(?:come|coming)s?)\b"
    r"|\bfrom\s+(?:which|what)\s+(?:\w+\s+)?(?:country|continent|nation|region|place|city)\b"
    r"|\b(?:which|what)\s+(?:country|continent|nation|region|people)\b[^.?!]{0,40}\bfrom\b"
    rf"|\b(?:{_PEOPLES})\b"
    r"|^\W*(?:is|are|was|isn't)\s+(?:he|she|they|this|(?:the|this|that)\s+(?:person|man|woman"
    r"|guy|lady|speaker|individual))\s+(?:a\s+)?(?:black|white|brown)"
    r"(?:\s+(?:person|man|woman|guy|lady))?\W*$"
    r"|\b(?:black|white|brown)\s+(?:person|people|man|men|woman|women|guy|lady|male|female)\b",
    re.IGNORECASE,
)


def find_refused_topic(question: str, annotation: Annotation | None = None) -> Topic | None:
    """Say why a question gets no answer, whatever the model would say; None when it may.

    Args:
        question: As asked.
        annotation: Of the media; one without any face leaves nothing to answer.
    """
    text = question.replace("’", "'")
    if _ANCESTRY.search(text):
        return "ancestry"
    if _WHO.search(text):
        return "who"
    if _NAME.search(text) and not text.isupper() and not read_question(text).claims:
        return "who"
    if annotation is not None and not any(s.kind == "face" for s in annotation.subjects):
        return "no face"
    return None


def refuse(topic: Topic, annotation: Annotation) -> str:
    """Return the words of a refusal."""
    return REFUSALS[topic].format(media=media_word(annotation))


def media_word(annotation: Annotation) -> str:
    """Return ``clip`` or ``picture``."""
    return "clip" if annotation.duration_seconds > 0 else "picture"
