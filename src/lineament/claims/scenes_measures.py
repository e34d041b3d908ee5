"""Measures in metres: how long, wide or far, and between which bounds."""

import re

from lineament.claims.claim import Range

LENGTH, WIDTH, HEIGHT, DISTANCE = (
    f"{name}_meters" for name in ("length", "width", "height", "distance")
)
_NUMBER = r"\d+(?:\.\d+)?"
_METERS = r"[\s-]*(?:m|meters?|metres?)\b"
_DIMENSIONS = {
    LENGTH: r"long|in\s+length",
    WIDTH: r"wide|across|broad|in\s+(?:width|breadth|diameter)",
    HEIGHT: r"tall|high|deep|in\s+(?:height|depth)",
}
_COMPARED = {LENGTH: "longer|shorter", WIDTH: "wider|broader|narrower", HEIGHT: "taller|higher"}
_NAMED = {
    LENGTH: "length|long|longer",
    WIDTH: "width|breadth|diameter|radius|wide",
    HEIGHT: "height|depth",
    DISTANCE: "distance|gap|apart|away|between|spaced|spacing|far|from",
}
_MORE = r"more|over|longer|wider|broader|taller|higher"
_LESS = r"less|fewer|under|shorter|narrower"
MEASURE = (
    rf"(?:(?P<meters_bound>at\s+least|at\s+most|up\s+to|over|under"
    rf"|(?:(?:no|not)\s+)?(?:{_MORE}|{_LESS})\s+than)\s+)?"
    r"(?:between\s+|from\s+)?(?:(?:about|around|roughly|some|approximately|nearly|almost)\s+)?"
    rf"(?:(?P<meters_low>{_NUMBER})(?:{_METERS})?\s*(?P<meters_join>to|and|by|x|×|-|–)\s*)?"
    rf"(?P<meters>{_NUMBER}){_METERS}"
    rf"(?:[\s-]+(?P<dimension>{'|'.join(_DIMENSIONS.values())})\b)?"
)
_ENDS = re.compile(r"\s*(?:$|[.,;:!?]|(?:and|or|but|while)\b)", re.IGNORECASE)


def read_measure(match: re.Match[str]) -> tuple[str, Range]:
    """Return what is measured and the half-open range in metres."""
    meters = float(match["meters"])
    bound = (match["meters_bound"] or "").lower().split()
    if match["meters_low"]:
        join = match["meters_join"].lower()
        if join not in ("to", "-", "–") and "between" not in match[0].lower():
            return DISTANCE, (meters, meters)
        return _find_measured(match), (float(match["meters_low"]), meters)
    slack = max(1.0, 0.1 * meters)
    value: Range = (meters - slack, meters + slack)
    if bound:
        is_more = bool(re.search(rf"\b(?:{_MORE}|at least)\b", " ".join(bound)))
        if bound[0] in ("no", "not"):
            is_more = not is_more
        value = (meters, None) if is_more else (None, meters)
    return _find_measured(match), value


def _find_measured(match: re.Match[str]) -> str:
    """Return what a number of metres measures; a distance where nothing tells."""
    words = (match["dimension"] or "").lower()
    for name, pattern in _DIMENSIONS.items():
        if re.fullmatch(pattern, words):
            return name
    for name, pattern in _COMPARED.items():
        if re.search(rf"\b(?:{pattern})\b", match["meters_bound"] or "", re.IGNORECASE):
            return name
    before = re.split(r"[,;:]|\band\b", match.string[: match.start()].lower())[-1]
    for name in (WIDTH, HEIGHT, DISTANCE, LENGTH):
        if re.search(rf"\b(?:{_NAMED[name]})\b", before):
            return name
    return LENGTH if _ENDS.match(match.string, match.end()) else DISTANCE
