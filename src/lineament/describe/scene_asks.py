"""What a question about a scene asks for: patterns, and the words that change nothing."""

import re

COUNT = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.IGNORECASE)
WHETHER = re.compile(
    r"^\W*(?:[\w ]{1,40}[,:]\s+|(?:please|tell me)\W+)*"
    r"(?:is|are|was|were|does|do|can|could|has|have|would you say)\b",
    re.IGNORECASE,
)
BOX = re.compile(r"\bbox\b|\blocate\b|\bbounding\b", re.IGNORECASE)
WHERE = re.compile(r"\bwhere\b|\bwhich part\b|\bwhat part\b|\bposition of\b", re.IGNORECASE)
COLOR = re.compile(r"\bcolou?r\b", re.IGNORECASE)
LENGTH = re.compile(r"\bhow long\b|\blength\b", re.IGNORECASE)
LARGER = re.compile(r"\blarger\b|\bbigger\b|\bcompare\b|\bmore (?:space|ground)\b", re.IGNORECASE)
SIZE = re.compile(r"\blarger\b|\bbigger\b|\bspace\b|\bground\b|\bsize\b", re.IGNORECASE)
KIND = re.compile(
    r"\b(?:kind|sort|type) of (?:scene|area|place|picture|image)\b|\bsetting\b|\bclassify\b"
    r"|\bwhat (?:scene|area|place)\b",
    re.IGNORECASE,
)
COVER = re.compile(r"\bland cover\b|\bground\b|\bcovers?\b|\blies around\b", re.IGNORECASE)
ALL = re.compile(
    r"\bdescri|\bsummar|\btell me about\b|\bwhat do you see\b|\bobject by object\b"
    r"|\b(?:which|list|go through|details of|said of)\b[^?]*\bobjects\b"
    r"|\bwhat (?:is|are|can|does|objects|things)\b"
    r"[^?]*\b(?:see|seen|shown?|there|visible|picture|image|scene)\b",
    re.IGNORECASE,
)
OR = re.compile(r"\s+or\s+", re.IGNORECASE)
OR_WORD = frozenset(("or",))
MORE = re.compile(
    r"\b(?:more|fewer|less)\b(?!\s+than\b)"
    r"|\bmajority\b|\bcounts\b|\bnumbers of\b",
    re.IGNORECASE,
)
URBAN = re.compile(r"\b(?:rural\b.*\burban|urban\b.*\brural)\b", re.IGNORECASE)
# With any word beside these and the objects, a question is not understood.
_ANY = """
    a about above aerial all altogether amount an answer any appear appears are area as at be
    been being bounding box boxes by can check color colors colour colours contain contains
    could count counts describe did do does each every exactly exist exists find for found from
    give given has have here hold holds how i identify if image in include inside is it its
    kindly length lie lies list locate located long look looking lying many map mark marks me
    measure meter meters metre metres name now number object objects of on one ones out overall
    part photo photograph picture please point position present region return right satellite
    say scene see seen show showing shown shows situated so stand stands tell that the their
    them there these they thing this those to total true us view visible was we were what where
    whether which with would you your
"""
_SIZES = """
    between bigger compare covers ground in larger more or size space takes two up
"""
_NUMBERS = """
    by compare counts explain fewer former in larger majority more number numbers numerous occur
    often or reason reasoning step steps taking than think together win your
"""
_GROUND = """
    around cover covers ground kind kinds land lies like sort sorts type types
"""
FILLERS = frozenset(_ANY.split())
FILLERS_OF_SIZE = frozenset(_SIZES.split())
FILLERS_OF_NUMBER = frozenset(_NUMBERS.split())
FILLERS_OF_GROUND = frozenset(_GROUND.split())
