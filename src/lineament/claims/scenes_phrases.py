"""The phrases of a sentence about a scene: shares, bounds, lists of colours, ``one`` for a noun."""

import functools
import re
from collections.abc import Mapping
from dataclasses import replace

from lineament.claims.scenes_measures import MEASURE, read_measure
from lineament.claims.scenes_nouns import COLOR, read_noun_phrase
from lineament.claims.scenes_words import (
    NOT_AFTER,
    NUMBERS,
    PLAIN,
    SIZES,
    Token,
    choices,
    nouns,
    read_match,
)

RELATED = "related_to"  # a relation that is seen in the words and told by no fact
_N = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d+|{'|'.join(NUMBERS)})"
_OF = (
    r"(?:\s+(?:out\s+)?of(?:\s+all)?(?:\s+(?:the|these|those|its))?(?:\s+" + _N + r"(?!\s+of\b))?)"
)
_FRACTION = r"(?:third|quarter|fourth|fifth|sixth|tenth)s?"
_FILLER = r"(?:parked|other|remaining|visible|listed|different|individual)"
_COLORS = rf"{COLOR}(?:(?:\s*,\s*(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+|\s*/\s*|-and-){COLOR})*"
_ADJECTIVE = f"(?:{'|'.join((*choices('color'), *choices('extreme'), *SIZES))})"
_VERB = (
    r"(?:is|are|was|were|isn't|aren't|lies?|stands?|sits?|can|cannot|has|have)\b"
    r"(?!\s+(?:more|fewer|less|greater|larger|smaller)\s+than\b)"
)
_END = r"(?=\s*(?:[.,;:!]|$)|\s+(?:and|or|but|can|is|are|in|on|at|near|to|by|lies?)\b)"
# A colour before an unknown noun is not told of the last one: "near the dark green deck".
_TOLD = (
    rf"(?=\s*(?:[^\w\s-]|$)|[\s-]+(?:and|or|but|as|because|while|when|where|which|that|than|too|also"
    r"|only|both|all|there|the|an?|is|are|was|were|not|colou?r(?:s|ed)?|in|on|at|of|to|for|from|with"
    rf"|by|near|next|close|inside|within|above|below|along|like|{COLOR})\b)"
)
_AREA = r"(?!\s+(?:scene|area|site|zone|landscape)\b)"
# What stands between two nouns; that of which nothing is known must not pass for silence.
_LINKS = {
    "denies:near": r"far(?:\s+away)?\s+from",
    "denies:inside": r"outside(?:\s+of)?",
    RELATED: r"in\s+front\s+of|in\s+between|(?:(?:in|at|on|along)\s+the\s+(?!left\b|right\b)"
    r"(?:[a-z]+[\s-]+){1,3}of)|with|without|from|between|behind|around|across(?:\s+from)?|opposite"
    r"(?:\s+(?:to|of))?|under|underneath|over|facing|towards?|away\s+from|off|against|amid|among"
    r"|adjacent\s+to|at|has|have|had|having|surrounds|crosses|carries"
    r"|(?:connected|attached)\s+to|(?:north|south|east|west)\w*\s+of|beyond|outlines",
    "inside": r"in",
    "holds": r"contains?|containing|holds?|encloses|includes?",
}


def _lead(mark: str, *, is_pronoun: bool = False) -> str:
    """Return the pattern of what a noun phrase begins with; groups carry a mark."""
    of = r"(?:\s+(?:out\s+)?of\s+(?:them|these|those|which))?" if is_pronoun else f"{_OF}?"
    denied = "" if is_pronoun else (
        r"|no|without(?:\s+any)?|(?:lacks?|lacking|devoid\s+of|free\s+(?:of|from)"
        r"|(?:(?:a|an|the)\s+)?(?:lack|absence)\s+of)(?:\s+any)?"
        r"|not\s+(?:a\s+single|any|a)"
    )  # fmt: skip
    articles = "" if is_pronoun else (
        rf"|(?P<{mark}a>an?|another)\b|(?P<{mark}the>the|this|that|these|those)\b"
    )  # fmt: skip
    return (
        rf"(?P<{mark}lead>(?P<{mark}only>the\s+only|a\s+single|(?:only|just)\s+one)\b{of}"
        rf"|(?:(?P<{mark}bound>at\s+least|at\s+most|(?:(?:no|not)\s+)?(?:more|fewer|less)\s+than"
        r"|up\s+to|exactly|about|around|approximately|roughly|nearly|almost)\s+)?"
        rf"(?:between\s+(?P<{mark}from>{_N})\s+and\s+|(?P<{mark}low>{_N})\s*(?:to|or|-|–)\s*)?"
        rf"(?P<{mark}number>{_N})(?:\s+or\s+(?P<{mark}open>more|fewer|less))?\b{of}"
        rf"|(?P<{mark}no>(?:none|neither|not\s+(?:a\s+single\s+|even\s+)?one|not\s+any)"
        rf"{of[:-1] if not is_pronoun else of}{denied})\b"
        rf"|(?P<{mark}all>all|every(?:\s+(?:single|one))?|each(?:\s+one)?|both)\b(?:\s+of)?"
        rf"(?:\s+(?:the|these|those|them))?(?:\s+(?P<{mark}total>{_N}))?"
        rf"|(?P<{mark}most>most|(?:the|a)\s+(?:[a-z]+\s+)?majority|more\s+than\s+half)\b{of}"
        rf"(?:\s+the)?|(?P<{mark}half>(?:exactly\s+)?(?:one\s+)?half)\b{of}(?:\s+the)?"
        rf"|(?P<{mark}share>(?:[a-z]+\s+)?(?:about|around|almost|nearly|roughly|than|least|most|over"
        rf"|under)\s+half|(?:the|a)\s+(?:[a-z]+\s+)?minority|(?:an?|{_N})[\s-]+{_FRACTION}"
        rf"|\d+\s*(?:%|percent))(?:{of})(?:\s+the)?"
        rf"|(?P<{mark}some>several|some|many|multiple|a\s+few|numerous|a\s+couple|a\s+number)\b{of}"
        rf"{articles})"
    )


def _adjectives(mark: str) -> str:
    return (
        rf"(?:(?P<{mark}early>{_FILLER})\s+)?(?:(?P<{mark}extreme>{'|'.join(choices('extreme'))})"
        rf"\s+(?:of\s+(?:all\s+)?(?:(?:the|these|those)\s+)?)?)?(?P<{mark}size>(?:{'|'.join(SIZES)})\s+)?(?:(?P<{mark}filler>{_FILLER})\s+)?"
        rf"(?P<{mark}color>{_COLORS}\s+)?"
    )


_PRONOUNS = ("ones_", "bare_", "share_")


@functools.cache
def _scanner() -> re.Pattern[str]:
    noun = f"(?:{'|'.join(nouns())})"
    links = "|".join(
        rf"(?P<link{place}>{pattern})" for place, pattern in enumerate(_LINKS.values())
    )
    thing = (
        rf"(?:{_lead('')}\s+)?(?:{_adjectives('')}{noun}|(?={_ADJECTIVE}\b){_adjectives('')}ones?)"
    )
    thing = re.sub(r"\?P<\w+>", "?:", thing)
    bound = [
        rf"(?P<scene>(?:{'|'.join(choices('scene'))})\s+(?:scene|area|site|zone|landscape)\b)",
        r"(?P<urban>urban|rural)\b(?:\s+(?:area|scene|surroundings))?",
        rf"(?:{_lead('')}\s+)?{_adjectives('')}(?P<noun>{noun})\b{_AREA}",
        rf"(?:{_lead('ones_')}\s+)?(?={_ADJECTIVE}\b){_adjectives('ones_')}(?P<ones_noun>ones?)\b",
        rf"{_lead('bare_', is_pronoun=True)}\s+(?P<bare_color_of>{COLOR}){_END}",
        rf"(?:{_lead('share_', is_pronoun=True)}|(?P<rest>(?:the\s+)?(?:others?|rest|remainder)"
        rf"|another))(?=\s+{_VERB})",
        rf"(?:{links})(?=\s+(?:any\s+)?{thing}\b{_AREA})",
        *(
            rf"(?P<{kind}>(?:{'|'.join(choices(kind))})\b{NOT_AFTER.get(kind, '')})"
            for kind in PLAIN
        ),
        rf"(?P<bare_color>{COLOR}\b){_TOLD}",
        rf"(?P<cover>(?:(?P<cover_no>no|without(?:\s+any)?)\s+)?(?:{'|'.join(choices('cover'))})\b)",
        rf"(?P<measure>{MEASURE})",
        rf"(?:is|are|was|were)\s+(?P<size_not>not\s+)?(?:(?:very|quite|rather|fairly)\s+)?"
        rf"(?P<bare_size>{'|'.join(SIZES)})\b(?=\s*(?:[.,;:!]|and\b|but\b|$))",
        r"(?P<hedge>may|might|probably|possibly|perhaps|likely|appears?|seems?)\b",
        r"(?P<it>it|they)\b",
        r"(?P<and>and\b)",
        r"(?P<be>is|are|was|were|has|have|there|shows?|contains?|lies?|stands?|sits?)\b",
    ]
    free = (
        r"(?P<not>\b(?:not|cannot)\b(?!\s+(?:only|just)\b)|n't\b|\bnever\b|\bneither\b|\bnor\b)",
        r"(?P<stop>[,;:]|\b(?:but|while|whereas|where)\b)",
    )
    # One look behind for all: within a word nothing else is tried.
    words = f"(?<![\\w-])(?=[\\w])(?:{'|'.join(bound)})"
    return re.compile("|".join((words, *free)), re.IGNORECASE)


@functools.lru_cache(maxsize=4096)  # descriptions say the same again and again
def split_phrases(sentence: str) -> tuple[Token, ...]:
    """Return what a sentence is made of, unknown words left out.

    Beside the tokens of `split_scene_tokens` there are ``one`` (a phrase without its noun),
    ``lost`` (one of which it cannot be told what it stands for), ``measure``, ``holds`` and
    ``denies``; a relation may be `RELATED`.
    """
    found: list[Token] = []
    for match in _scanner().finditer(sentence):
        groups = match.groupdict()
        start, stop = match.span()
        link = next((n for n in range(len(_LINKS)) if groups[f"link{n}"]), None)
        if link is not None:
            found += _read_link(tuple(_LINKS)[link], match, found)
        elif groups["noun"]:
            noun = Token("noun", read_noun_phrase(groups, "", groups["noun"]), start, stop)
            found += _part_colors(noun, found, sentence)
        elif groups["rest"]:
            found.append(Token("lost", None, start, stop))
        elif groups["measure"]:
            found.append(Token("measure", read_measure(match), start, stop))
        elif mark := next((m for m in _PRONOUNS if groups[f"{m}lead"] or _is_ones(groups, m)), ""):
            found.append(_read_pronoun(groups, mark, start, stop))
        elif groups["relation"] and re.search(r"\bfrom\s+$", sentence[:start], re.IGNORECASE):
            continue  # "seen from above" relates nothing
        else:
            found.append(read_match(match, groups))
    return tuple(found)


def _part_colors(noun: Token, before: list[Token], sentence: str) -> list[Token]:
    """Part the colours of ``the ship is white and red tanks are near it``."""
    *first, last = noun.value.color.split("/")
    kinds = [token.kind for token in before[-2:]]
    if not first or not noun.value.is_bare or kinds not in (["noun", "be"], ["it", "be"]):
        return [noun]
    if sentence[before[-1].stop : noun.start].strip():
        return [noun]
    color = Token("color", "/".join(first), noun.start, noun.start)
    return [color, replace(noun, value=replace(noun.value, color=last))]


def _is_ones(groups: Mapping[str, str | None], mark: str) -> bool:
    return mark == "ones_" and bool(groups["ones_noun"])


def _read_link(name: str, match: re.Match[str], before: list[Token]) -> list[Token]:
    kind, _, rest = name.partition(":")
    word = match[0].lower()
    if not any(token.kind in ("noun", "one", "it") for token in before):
        return [Token("be", word, *match.span())]
    if kind == "denies":
        return [Token("denies", rest, *match.span())]
    return [Token("holds" if kind == "holds" else "relation", kind, *match.span())]


def _read_pronoun(groups: Mapping[str, str | None], mark: str, start: int, stop: int) -> Token:
    if mark == "share_" and (groups["share_all"] or "").lower() == "both":
        return Token("lost", None, start, stop)  # of two that were named one by one
    own = dict(groups)
    for name in ("early", "extreme", "size", "filler", "color", "a", "the"):
        own.setdefault(f"{mark}{name}", None)
    if mark == "bare_":
        own["bare_color"] = groups["bare_color_of"]
    is_plural = (groups.get("ones_noun") or "").lower() == "ones"
    noun = read_noun_phrase(own, mark, "", is_plural=is_plural)
    return Token("one", replace(noun, is_part=noun.is_part or mark == "share_"), start, stop)
