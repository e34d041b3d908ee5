"""What is never answered, by rule and before any model is asked: identity and ancestry."""

import re
from typing import Literal

from lineament.annotation import Annotation
from lineament.claims import read_question
from lineament.vocabulary.words import read_table

Topic = Literal["who", "ancestry", "no face"]

REFUSALS: dict[Topic, str] = {
    "who": "I cannot tell who somebody is; I do not identify people.",
    "ancestry": "I cannot tell; I do not judge where somebody's family comes from.",
    "no face": "I cannot tell: no face can be seen in this {media}.",
}
_TABLE = read_table("peoples.toml")


def _compile(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _any_of(key: str) -> str:
    """Return a pattern for the words of one list of peoples.toml, the longest first."""
    words = sorted(_TABLE[key], key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", "[- ]") for word in words) + ")"


_NOUN = (
    r"(?:person|people|man|men|woman|women|guy|lady|individual|speaker|subject|face|human|adult"
    r"|one|celebrity|gentleman)"
)
_SOMEBODY = (
    r"(?:he|she|they|it|this|that|these|those|him|her|them|you see"
    rf"|(?:the|this|that|a)\s+(?:\w+\s+)?{_NOUN})"
)
# Whom one may recognise, know or name: "her", but not "her smile" or "that she smiles".
_OBJECT = (
    r"(?:(?:him|them|who|whom|(?:any|some)(?:body|one)|faces)\b"
    r"|(?:his|her)\s+face\b(?!\s+\w)"
    r"|her\b(?=\W*$|\s*[,;.?!]|\s+(?:from|in|as|at|or|and|here|now|by|too|on|for|please|before"
    r"|somewhere|anywhere)\b)"
    rf"|(?:the|this|that|an?|these|those|any)\s+(?:\w+\s+)?{_NOUN}\b"
    r"(?!'s(?!\s+face\W*$)|s'|\s+(?:is|shape|expression|pose)\b)"
    r"|(?:this|that|it|these|those)\W*$)"
)
_KNOWN = (
    r"(?:actor|actress|politician|singer|president|celebrity|player|footballer|athlete|minister"
    r"|(?:movie|film|pop|rock|tv)\s+star|musician|rapper|comedian|presenter|king|queen|prince"
    r"|princess|character)s?"
)
_WHO = _compile(
    rf"\b(?:who|whom)\b[^.?!]{{0,40}}?\b(?:is|are|was|were|'s|be)\s+{_SOMEBODY}\b",
    rf"\bwho(?:'s|\s+is|\s+are)\s+{_SOMEBODY}\b",
    rf"\bwho\s+{_SOMEBODY}(?:\s+(?:is|are|was|were)\b|\W*$)",
    rf"\bname\s+{_OBJECT}(?!\s+\w+ing\b)",
    r"\bwho\s+(?:might|could|may)\s+(?:\w+\s+){1,3}be\b",
    r"\bwho(?:'s|\s+is|\s+are)\s+(?:in|on|shown|seen|depicted|pictured|visible)\b",
    r"\bwho\s+(?:do|can|am)\s+(?:you|i|we)\b",
    rf"\bwhom?\s+(?:do|does|did)\s+{_SOMEBODY}\s+(?:look|resemble|remind)",
    r"\bwhose\s+(?:face|head|picture|photo|portrait|video|clip)\b",
    rf"\b(?:which|what)\s+(?:famous\s+)?{_KNOWN}(?:\W*$|\s+(?:do|can|am)\s+(?:you|i|we)\b"
    rf"|(?:'s|\s+(?:is|are|was|were|does|do))\s+(?:{_SOMEBODY}|in|on|here|shown|seen)\b)",
    rf"\b(?:is|was|isn't)\s+(?:this|that|it|he|she)\s+the\s+{_KNOWN}\b",
    r"\b(?:his|her|their|its|whose|'s|(?:first|last|full|real|family)|what)\s+names?\b",
    r"\bnames?\s+of\s+(?:him|her|them|the|this|that)\b|\b(?:named|surname)\b",
    rf"\bwhat(?:'s|\s+is|\s+are)\s+{_SOMEBODY}\s+called\b",
    r"\b(?:identity|identification|recognition)\b",
    rf"\b(?:identif(?:y|ies|ied|ying)|recogni[sz](?:e|es|ed|ing))\s+{_OBJECT}",
    rf"\b{_SOMEBODY}\s+(?:be\s+)?(?:identif(?:ied|iable)|recogni[sz](?:ed|able))\b",
    r"\bcelebrit\w+|\bsame\s+(?:person|man|woman|face)\s+(?:as|in)\b|\b(?:look-?alike|doppelg\w+)",
    r"\b(?:some|any)(?:body|one)\s+(?:known|(?:i|we|you)\s+(?:\w+\s+)?know)\b",
    # A well-known man, not a well-known smile.
    r"\b(?:famous|well[- ]known)(?=\W*$|\s*[,;.?!]"
    rf"|\s+(?:or|and|for|in|to|as|at|from|here|now|too|enough|{_KNOWN}|{_NOUN})\b)",
    rf"\b(?:do|did)\s+(?:you|we|i)\s+(?:happen\s+to\s+)?(?:know|remember)\s+{_OBJECT}",
    rf"\b(?:do|did|have)\s+(?:you|we|i)\s+(?:ever\s+)?met\s+{_OBJECT}",
    rf"\b(?:do|did|have)\s+(?:you|we|i)\s+(?:ever\s+)?seen?\s+{_OBJECT}"
    r"(?=[^.?!]*\b(?:before|ever|somewhere|elsewhere|anywhere)\b)",
)
_ADVERB = r"(?:be|really|not|maybe|perhaps|possibly|actually|indeed|the\s+real)"
_POINTING = (
    r"(?:\b(?:[Ii]s|[Ww]as|[Ii]sn't|[Aa]re|[Cc]ould|[Mm]ight)\s+(?:[Tt]his|[Tt]hat|[Ii]t|[Hh]e"
    r"|[Ss]he|[Tt]hey|the\s+\w+(?:\s+(?:in|on)\s+the\s+\w+)?)"
    r"|\b(?:[Tt]his|[Tt]hat|[Ii]t|[Hh]e|[Ss]he)(?:\s+is|'s|\s+was))"
)
_LIKE = (
    r"(?:\b(?:[Ll]ook(?:s|ing|ed)?|[Ss]imilar)\s+(?:(?:a|lot|bit|just|exactly|very|much)\s+)*"
    r"(?:like|to)|\b[Rr]esembl(?:es?|ing)|\b[Rr]emind(?:s|ed)?\s+(?:you|me|us)\s+of)"
)
# No names, though they may have a capital in a question.
_NO_NAME = (
    r"(?:I|An|The|He|She|It|They|This|That|Photoshop\w*|Instagram|Tik[Tt]ok|You[Tt]ube|Snapchat"
    r"|Midjourney)\b"
)
# "Is this Jane Doe?": a capital inside the question is a name, since no word of ours has one;
# "HD" is none.
_NAME = re.compile(rf"{_POINTING}\s+(?:{_ADVERB}\s+)*(?!{_NO_NAME})[A-Z](?![A-Z])[\w'-]+")
_LIKE_NAME = re.compile(rf"{_LIKE}\s+(?:{_ADVERB}\s+)*(?!{_NO_NAME})[A-Z](?![A-Z])[\w'-]+")
_NAME_IN_LOWER = _compile(
    rf"(?:{_POINTING}|{_LIKE}|\bdo\s+you\s+(?:know|recogni[sz]e))\s+(?:{_ADVERB}\s+)*(?:\w+\s+)?"
    rf"{_any_of('names')}\b"
)

_FAMILY = r"(?:family|families|parents|mother|father|ancestors|people|folks|relatives|roots)"
_THEY = (
    rf"(?:(?:(?:his|her|their|the|this|that)\s+|\w+'s\s+){_FAMILY}|he|she|they"
    r"|(?:the|this|that|these|those)\s+(?:\w+\s+)?(?:person|people|man|men|woman|women|guys?|lady"
    r"|ladies|individual|speaker|human|adult|one|gentleman|couple))(?!')"
)
_COME = (
    r"(?:is|are|was|were|be|originally|really|actually|likely|probably|perhaps|maybe|most|come"
    r"|comes|came|coming|hails?|seems?|to|might|may|could|(?:some|any)(?:body|one)|a|person|man"
    r"|woman|not)"
)
_ASK_WHERE = (
    r"(?:is|are|was|were|do|does|did|might|may|could|would|can|has|have|had|you|u|think|say|guess"
    r"|believe|suppose|exactly|in|on|the|world|earth|actually|really|originally|that|else)"
)
_PLACE = (
    r"(?:(?:the|an?|north|south|east|west|northern|southern|eastern|western|central)"
    r"(?:\s+of)?[ -])*"
    rf"(?:{_any_of('places')}\b|(?-i:(?!(?:Left|Right|Above|Below|Behind)\b)[A-Z][a-z]))"
)
_SKIN = r"(?:black|white|brown)"
_ANCESTRY = _compile(
    r"\b(?:racial\w*|nationalit\w+|ancest\w+|descent|heritage|lineage|birthplace|homeland"
    r"|native\s+(?:country|land)|foreigners?|immigrants?)\b",
    r"\bethnic\w*\b(?!\s+(?:clothes|clothing|dress|costume|outfit|pattern|jewell?e?ry|music)\b)",
    r"\braces?\b(?![\s-]*(?:cars?|tracks?|drivers?|suits?|helmets?|horses?|bikes?|boats?|courses?"
    r"|numbers?|days?|bibs?|winners?|flags?)\b)",
    rf"\bwhere(?:'s|'d|'re)?(?:\s+{_ASK_WHERE})*\s+(?:{_THEY}|this|these|those)\b"
    rf"(?:(?:\s+{_COME})*\s+from\b|[^.?!]{{0,40}}\b(?:born|originat\w*|gr[eo]w\s+up|raised)\b)",
    rf"\bfrom\s+where\s+(?:{_ASK_WHERE}\s+)+{_THEY}(?:\s+{_COME})*\W*$|^\W*where\s+from\W*$",
    r"\bfrom\s+(?:which|what)\s+(?:\w+\s+)?(?:country|continent|nation|region|place|city)\b"
    r"(?![^.?!]*\b(?:light|lit|sun|shadow|lamp))",
    r"\b(?:which|what)\s+(?:country|continent|nation|region|people)\b[^.?!]{0,40}\b(?:from|born)\b",
    r"\b(?:which|what)\s+part\s+of\s+the\s+world\b",
    rf"\b{_THEY}(?:\s+(?:in|with|on)(?:\s+\w+){{1,3}}?)?(?:\s+{_COME})*\s+from\s+{_PLACE}",
    rf"\bthis(?:\s+{_COME})*\s+from\s+{_any_of('places')}\b",
    r"^\W*(?:is|are|was|isn't)\s+(?:he|she|they|this|(?:the|this|that)\s+(?:person|man|woman|guy"
    rf"|lady|speaker|individual))\s+(?:a\s+)?{_SKIN}(?:\s+or\s+{_SKIN})?"
    r"(?:\s+(?:person|man|woman|guy|lady))?\W*$",
    rf"\b{_SKIN}\s+(?:person|people|man|men|woman|women|guy|lady|male|female)\b",
)
# A race that is run.
_RUN = _compile(
    r"\b(?:in|at|after|during|before|run|runs|running|wins?|won|winning|watch|watching|finish"
    r"|finishes|finished|finishing)\s+(?:a|the)\s+races?\b(?!\s+of\b)"
)
_PEOPLE = _compile(
    rf"\b{_any_of('peoples')}s?\b",
    rf"\b(?-i:{_any_of('capital')}s?)\b",
    rf"\b(?:is|are|was)\s+(?:he|she|they|this|the\s+\w+)\s+(?:a\s+)?{_any_of('not_capital')}\b",
)
_LANGUAGE = _compile(
    r"\b(?:in|into|speak\w*|spoken|talk\w*|sing\w*|writ\w+|reads?|reading|translate\w*)\s+"
    r"(?:(?:plain|simple|good|broken)\s+)?$"
)
_THING = _compile(
    r"^(?:[- ](?:style|made|inspired))?[\s-]+(?:(?:silk|cotton|wool|woollen|linen|leather|folk"
    r"|national|traditional|military|football|army|style|red|blue|green|yellow|white|black|grey"
    rf"|gray|brown|old|new)\s+)*{_any_of('things')}\b"
)
_SHORT = re.compile(r"\b(who|where|what)s\b", re.IGNORECASE)


def find_refused_topic(question: str, annotation: Annotation | None = None) -> Topic | None:
    """Say why a question gets no answer, whatever the model would say; None when it may.

    Args:
        question: As asked.
        annotation: Of the media; one without any face leaves nothing to answer.
    """
    text = _SHORT.sub(r"\1's", question.replace("’", "'"))
    if _ANCESTRY.search(_RUN.sub("", text)) or _names_people(text):
        return "ancestry"
    if _WHO.search(text) or _LIKE_NAME.search(text) or _NAME_IN_LOWER.search(text):
        return "who"
    if _NAME.search(text) and not text.isupper() and not read_question(text).claims:
        return "who"
    if annotation is not None and not any(s.kind == "face" for s in annotation.subjects):
        return "no face"
    return None


def _names_people(question: str) -> bool:
    """Say whether a people is named, other than for its language, its clothes or a thing."""
    return any(
        not _LANGUAGE.search(question[: match.start()])
        and not _THING.match(question[match.end() :])
        for match in _PEOPLE.finditer(question)
    )


def refuse(topic: Topic, annotation: Annotation) -> str:
    """Return the words of a refusal."""
    return REFUSALS[topic].format(media=media_word(annotation))


def media_word(annotation: Annotation) -> str:
    """Return ``clip`` or ``picture``."""
    return "clip" if annotation.duration_seconds > 0 else "picture"
