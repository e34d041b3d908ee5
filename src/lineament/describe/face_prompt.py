"""What is asked of a drawing: no children, no ancestry, orders read as what is seen then."""

import re
from dataclasses import replace

from lineament.claims.scan import find_items
from lineament.describe.prompt import SOMEBODY, Prompt, read_prompt
from lineament.errors import BadInput, refuse_half_characters

MAX_LETTERS = 100  # of one word; the reader tries every misspelling of it
MAX_NUMBERS = 1_000
ADULT_YEARS = 18

_GRADES = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
_CHILD = re.compile(
    r"(?<![\w-])(?:child(?:ren)?|child-?like|kid(?:s|dos?|dies?)?|boys?|girls?|toddlers?|tots?"
    r"|infants?|new-?borns?|bab(?:y|ies)(?![- ](?:faced|blue|pink|bangs))|school-?(?:boy|girl)s?"
    r"|school-?(?:kids?|child(?:ren)?)|youngsters?|pre-?teen(?:s|-?agers?)?|tweens?|teens?|teen-?age[ds]?"
    r"|teen-?agers?|adolescen(?:ts?|ce)|juveniles?|pre-?pubescent|pubescent|under-?aged?|minors"
    r"|minor(?=\s*(?:[.,;!?]|$|with\b|who\b|in\b|wearing\b))|kindergart\w+|pre-?schoolers?"
    rf"|(?:primary|middle|high)[- ]schoolers?|(?:\d+(?:st|nd|rd|th)|{_GRADES})[- ]graders?"
    r"|lolis?|lolitas?|shotas?|\w+[- ]+(?:months?|weeks?|days?)[- ]+olds?"
    r"|(?:is|are|he's|she's)\s+(?:only\s+|just\s+)?(?:[1-9]|1[0-7])(?=\s*(?:[.,;!?]|$)))(?!\w)",
    re.IGNORECASE,
)
_PEOPLES = (
    r"(?:(?:north|south|east|west|central)(?:east|west)?(?:ern)?[\s-]+)?"
    r"(?:asian|african|european|american|australian|caucasian|eurasian|hispanic|latin[aox]|mestiz[ao]"
    r"|arab|arabi[ac]n?|indian|chinese|japanese|korean|vietnamese|thai|filipin[ao]|indonesian|malay"
    r"|malaysian|mongolian|tibetan|nepalese|pakistani|bengali|bangladeshi|afghan|iranian|iraqi|syrian"
    r"|lebanese|persian|turkish|kurdish|jewish|jew|israeli|palestinian|muslim|hindu|buddhist|sikh"
    r"|slavic|nordic|scandinavian|german|french|italian|spanish|portuguese|russian|ukrainian|greek"
    r"|irish|scottish|welsh|british|english|swedish|norwegian|danish|finnish|romanian|hungarian"
    r"|(?-i:Polish|Dutch|Swiss|Czech)|mexican|brazilian|cuban|colombian|peruvian|nigerian|ethiopian"
    r"|somali|kenyan|ghanaian|egyptian|moroccan|aboriginal|indigenous|polynesian|hawaiian|maori|inuit"
    r"|gypsy|romani|mediterranean|middle[- ]eastern|native[- ]american|afro-\w+|oriental|negro"
    r"|(?:mixed|bi|multi|inter)[- ]?raci?(?:al|e)|ethnic(?:ally)?|non-?white)"
)
_SOMEONE = (
    r"(?:person|people|m[ae]n|wom[ae]n|males?|females?|guys?|lad(?:y|ies)|gentlem[ae]n|adults?"
    r"|individuals?|actors?|actress(?:es)?|models?|grand(?:mother|father|ma|pa))"
)
_ANCESTRY = re.compile(
    r"(?:\b(?P<article>an?)\s+)?"
    rf"(?P<words>\b{_PEOPLES}s?\b(?:[\s/-]+(?:and\s+)?{_PEOPLES}s?\b)*(?:-looking)?"
    r"|\bof\s+(?:[\w-]+\s+){1,3}(?:descent|origins?|ancestry|heritage|ethnicity|race|nationality)\b"
    r"|\bof\s+colou?r\b(?!\s+\w)"
    r"|\b(?:black|white|brown|colou?red)(?=\s+(?:(?:young|old|older|elderly|middle-aged|adult|tall"
    rf"|smiling|happy|handsome|beautiful|attractive|bald)\s+)*{_SOMEONE}\b))"
    r"(?:\s+(?=(?P<following>[^\W\d_]+)))?",
    re.IGNORECASE,
)
_COUNTRYMAN = re.compile(
    r"\b(?:french|english|irish|scots?|welsh|dutch)-?((?:wo)?m[ae]n)\b", re.IGNORECASE
)
_AFTER_NOUNS = ("with", "who", "whose", "wearing", "having", "in", "and", "that", "of", "without")
# What is asked for by an order is what is to be seen after it: "remove the glasses".
_ORDERS = tuple(
    (re.compile(order, re.IGNORECASE), seen)
    for order, seen in (
        (r"\breplace\s+(?:(?:the|his|her)\s+)?([\w -]{1,40}?)\s+(?:with|by)\s",
         r"without \1, with "),
        (r"\b(?:remove|delete|erase|get\s+rid\s+of|take\s+(?:off|away)|shave(?:\s+off)?)\s+"
         r"(?:(?:the|his|her|their|any|all)\s+)?", "without "),
        (r"\bgive\s+him\s", "a man with "),
        (r"\bgive\s+her\s", "a woman with "),
        (r"\b(?:add|put\s+on|give\s+them)\s", "with "),
    )
)  # fmt: skip


def read_face_prompt(text: str) -> tuple[Prompt, tuple[str, ...]]:
    """Read what is to be drawn; returns the words of ancestry that were left out as well.

    Raises:
        BadInput: It asks for a child, or cannot be read.
    """
    _check_readable(text)
    wanted, ancestry = leave_out_ancestry(text)
    for order, seen in _ORDERS:
        wanted = order.sub(seen, wanted)
    is_left = any(letter.isalnum() for letter in wanted) or not ancestry
    prompt = replace(read_prompt(wanted if is_left else SOMEBODY), text=text)
    if child := find_child(text, prompt):
        raise BadInput(
            f"the prompt asks for a child ({child!r}): only adults are drawn",
            hint='say "a man", "a woman" or "a person", or leave it out',
        )
    return prompt, ancestry


def find_child(text: str, prompt: Prompt) -> str:
    """Return the words of a prompt that ask for somebody below 18; empty where none do."""
    if match := _CHILD.search(text):
        return match.group()
    for claim in prompt.claims:
        if claim.name == "age_years" and not claim.negated and isinstance(claim.value, tuple):
            low, high = claim.value
            is_young = high is not None and high <= ADULT_YEARS
            if is_young if low is None else low < ADULT_YEARS:
                return claim.text
    for word in dict.fromkeys(re.findall(r"[^\W\d_]+", prompt.told.lower())):
        for item in find_items(word):  # misspelt words are read all the same
            if item.entry.word != word and _CHILD.fullmatch(item.entry.word):
                return word
    return ""


def leave_out_ancestry(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a prompt without words of ancestry, nation and religion, and these words."""
    found: dict[str, None] = {}

    def cut(match: re.Match[str]) -> str:
        found[match["words"]] = None
        article, following = match["article"], (match["following"] or "").lower()
        if article is None:
            return ""
        if not following or following in _AFTER_NOUNS:
            return f"{article[0]} person "
        return f"{article[0]}n " if following[0] in "aeiou" else f"{article[0]} "

    def keep_person(match: re.Match[str]) -> str:
        found[match.group()] = None
        return match[1]

    kept = _COUNTRYMAN.sub(keep_person, text)
    return _ANCESTRY.sub(cut, kept), tuple(found)


def _check_readable(text: str) -> None:
    """Refuse what is no text, and what would take the reader minutes."""
    refuse_half_characters(text, "the prompt")
    if (word := re.search(rf"\w{{{MAX_LETTERS + 1},}}", text)) is not None:
        raise BadInput(
            f"the prompt has a word of {len(word.group()):,} letters ({word.group()[:20]}...)",
            hint=f"words have at most {MAX_LETTERS}",
        )
    if (found := len(re.findall(r"\d+", text))) > MAX_NUMBERS:
        raise BadInput(
            f"the prompt has {found:,} numbers, more than {MAX_NUMBERS:,}",
            hint="a face needs a few sentences",
        )
