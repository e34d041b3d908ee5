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
COLOR = re.compile(r"\bcolou?rs?\b", re.IGNORECASE)
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
MORE = re.compile(
    r"\b(?:more|fewer|less)\b(?!\s+than\b)"
    r"|\bmajority\b|\bcounts\b|\bnumbers of\b",
    re.IGNORECASE,
)
URBAN = re.compile(r"\b(?:rural\b.*\burban|urban\b.*\brural)\b", re.IGNORECASE)
# Words that change nothing in a question of one kind. With any other word beside these and the
# objects, a question is not understood.
_ANY = """
    a an and any are be been exist exists found here is it kindly located me now or please present
    seen shown situated tell that the there these this those us visible was were which
"""
_SIZES = """
    between bigger compare covers do does ground how in larger more of one or size space takes the
    two up what
"""
_NUMBERS = """
    by compare count counts do give explain fewer former how in larger majority more number numbers
    numerous occur of often or reason reasoning step show steps taking than the think
    together win your
"""
_GROUND = """
    about around can cover covers describe does ground how kind kinds land lies like name objects of
    on sort sorts type types what
"""
_WHETHER = "appear appears do does lie lies look stand stands"
_COUNT = "amount count do does exactly give how lie many name number of say show total what you"
_WHERE = (
    "do does exact exactly find give how in lie lies of part holds position stand stands what where"
)
_COLOR = """
    appear appears color colors colour colours do does give has have identify in name of show what
"""
_LENGTH = "do does give has have how in length long measure meter meters metre metres of what"
_BOX = """
    answer bounding box boxes by find give hold holds identify in locate mark marks of out point
    position region return show what where with
"""
_URBAN = """
    answer area areas by choose do does environment is kind land number of one or place question
    region say scene setting single sort surroundings type using what with word
"""
_COLOR_NUMBERS = "color colors colour colours different do does each every have of per"
_UNTOLD = "absent cannot except hidden lack lacking lacks missing no none nothing without"
UNTOLD = frozenset(_UNTOLD.split())
WORDS_OF_COLORS = frozenset(_COLOR_NUMBERS.split())
FILLERS_OF_SIZE = frozenset((_ANY + _SIZES).split())
FILLERS_OF_NUMBER = frozenset((_ANY + _NUMBERS).split())
FILLERS_OF_URBAN = frozenset((_ANY + _URBAN).split())
FILLERS_OF_GROUND = frozenset((_ANY + _GROUND).split())
FILLERS_OF_WHETHER = frozenset((_ANY + _WHETHER).split())
FILLERS_OF_COUNT = frozenset((_ANY + _COUNT).split())
FILLERS_OF_WHERE = frozenset((_ANY + _WHERE).split())
FILLERS_OF_COLOR = frozenset((_ANY + _COLOR).split())
FILLERS_OF_LENGTH = frozenset((_ANY + _LENGTH).split())
FILLERS_OF_BOX = frozenset((_ANY + _BOX).split())
