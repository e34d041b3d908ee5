"""Yes or no to a question about a scene: only where every word of it is understood."""

import re
from dataclasses import replace

from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims, choose_objects
from lineament.claims.scenes_choose import is_any, is_every
from lineament.claims.scenes_conclusions import AS_MANY, is_comparing
from lineament.claims.scenes_objects import Answer
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_say import say_scene_claim
from lineament.claims.scenes_words import Noun, Token
from lineament.describe.scene_asks import FILLERS_OF_WHETHER
from lineament.describe.scene_counts import (
    choose_surely,
    find_bounds,
    judge_range,
    lead_with,
    say_colors,
    say_number,
    say_numbers,
)
from lineament.describe.scene_parse import PLAIN_LEADS, Ask, designate, leads_of, split_list
from lineament.records.write.scenes.phrase import SceneView

AS_MANY_AS = re.compile(r"\bas\s+(?:many\b.*)\s+as\b", re.IGNORECASE)
_THERE = re.compile(r"\b(?:there|any)\b", re.IGNORECASE)
_SEVERAL = {"several": 3, "multiple": 2}  # from how many on they are said
_COVERS = re.compile(r"I?(?:[VUK]|V(?:S?[AO]?V)+)")
_ONE_CLAIM = re.compile(r"N|P?S?N|N[PCLD]|NRN|I?[VUK]")


def tell_whether(ask: Ask, view: SceneView) -> str | None:
    """Answer yes or no; None where that is not sure, or the question not understood whole."""
    if not ask.nouns:
        return _tell_cover(ask, view) if ask.words <= FILLERS_OF_WHETHER else None
    if ask.order == "NN" and AS_MANY_AS.search(ask.text) and is_comparing(ask.text):
        is_whole = ask.words <= FILLERS_OF_WHETHER | {"as", "many"}
        return _tell_as_many(ask, view) if is_whole else None
    if not ask.words <= FILLERS_OF_WHETHER or "unknown" in leads_of(ask):
        return None
    if split_list(ask.order):
        return _tell_list(ask, view)
    noun: Noun = ask.nouns[0].value
    if ask.order == "NRN" and ask.lead(ask.nouns[1]) not in PLAIN_LEADS:
        return None
    is_definite = noun.is_definite or noun.is_all
    if re.fullmatch(r"NX(?:C|P|RN)", ask.order):
        if ask.order.endswith("N") and ask.lead(ask.nouns[1]) not in PLAIN_LEADS:
            return None
        return _tell_denied(ask, view) if is_definite else _tell_others(ask, view)
    if is_definite and ask.order != "N":
        return _tell_predicate(ask, view)
    if ask.order == "NC" and not ask.lead(ask.nouns[0]) and not _THERE.search(ask.text):
        return None  # "are ships white?" asks about ships as such
    designator = designate(ask.tokens, ask.order)
    return _tell_existence(designator, ask, ask.nouns[0], view) if designator else None


def is_single_claim(ask: Ask) -> bool:
    """Say whether a yes or no to a question holds or denies one thing, and nothing else."""
    leads = [ask.lead(token) for token in ask.nouns]
    return (
        _ONE_CLAIM.fullmatch(ask.order) is not None
        and ask.words <= FILLERS_OF_WHETHER
        and all(lead in PLAIN_LEADS | {"number"} for lead in leads[:1])
        and all(lead in PLAIN_LEADS for lead in leads[1:])
    )


def _tell_cover(ask: Ask, view: SceneView) -> str | None:
    """Answer about land cover, the kind of scene, or town and country."""
    if not _COVERS.fullmatch(ask.order):
        return None
    facts = [token for token in ask.tokens if token.kind != "it"]
    if len(facts) > 1 and not all(token.value[1] for token in facts):
        return None  # "no water or trees"
    joins = set(re.sub("[VIS]", "", ask.order)) if len(facts) > 1 else set()
    if len(joins) > 1 or (len(facts) > 1 and not joins):
        return None
    answers = [_judge_flag(token, view) for token in facts]
    answer = is_any(answers) if joins == {"O"} else is_every(answers)
    return None if answer is None else "Yes." if answer else "No."


def _judge_flag(token: Token, view: SceneView) -> Answer:
    name, value = {"urban": "urban", "scene": "scene_class"}.get(token.kind, ""), token.value
    if token.kind == "cover":
        name, value = token.value
    (checked,) = check_scene_claims((Claim(name, value),), view.annotation).claims
    return None if checked.verdict == "unknown" else checked.verdict == "supported"


def _tell_as_many(ask: Ask, view: SceneView) -> str | None:
    claims = read_scene_answer(ask.text, "Yes.")
    if len(claims) != 1 or claims[0].name != AS_MANY:
        return None
    return _say_verdict(_judge(claims[0], view), claims[0])


def _tell_list(ask: Ask, view: SceneView) -> str | None:
    """Answer ``Is there a ship or a bridge?``, ``Are there no ships or bridges?`` and the like."""
    join = split_list(ask.order)
    leads = [ask.lead(token) for token in ask.nouns]
    names = [token.value.designator for token in ask.nouns]
    if not set(leads) <= PLAIN_LEADS | {"none", "number", "bound"}:
        return None
    ranges = [_range_of(token.value, lead) for token, lead in zip(ask.nouns, leads, strict=True)]
    if "none" in leads:
        if join == "O" and leads[0] == "none" and set(leads[1:]) <= {"", "a"}:
            ranges, join = [(0, 1)] * len(ranges), "A"  # "no A or B": neither
        elif join == "O" or (leads[0] == "none" and set(leads[1:]) != {"none"}):
            return None
    answers = [judge_range(find_bounds(name, view), *one)
               for name, one in zip(names, ranges, strict=True)]  # fmt: skip
    if join == "O":
        if any(answers):
            return lead_with("Yes", say_number(names[answers.index(True)], view))
        return "No." if is_any(answers) is False else None
    if False in answers:
        return lead_with("No", say_number(names[answers.index(False)], view))
    return lead_with("Yes", say_numbers(names, view)) if all(answers) else None


def _range_of(noun: Noun, lead: str) -> tuple[float | None, float | None]:
    """Return the numbers that an existence question asks for, the end left out."""
    if lead in PLAIN_LEADS or noun.count is None:
        return 1, None  # "are there ships" asks for one, too
    return noun.count


def _tell_existence(designator: str, ask: Ask, token: Token, view: SceneView) -> str | None:
    lead = ask.lead(token)
    bounds = find_bounds(designator, view)
    said = say_number(designator, view)
    if lead in ("several", "multiple", "many", "other"):
        if bounds[1] is not None and bounds[1] <= 1:
            return lead_with("No", said)
        if lead == "other":
            return None
        is_so = lead in _SEVERAL and bounds[0] >= _SEVERAL[lead]
        return lead_with("Yes", said) if is_so else said  # the number is for the reader to judge
    if lead in ("every", "only"):
        return None
    answer = judge_range(bounds, *_range_of(token.value, lead))
    return None if answer is None else lead_with("Yes" if answer else "No", said)


def _claim_of(ask: Ask) -> Claim | None:
    """Return what a question says of the objects that it names first."""
    noun: Noun = ask.nouns[0].value
    told = next((token for token in ask.tokens if token.kind not in ("noun", "not")), None)
    if ask.order in ("NL", "ND"):
        claims = read_scene_answer(ask.text, "Yes.")
        return claims[0] if len(claims) == 1 and claims[0].subject == noun.designator else None
    if told is None or ask.order not in ("NP", "PN", "PSN", "NC", "NRN", "NXC", "NXP", "NXRN"):
        return None
    name = {"color": "object_color", "position": "object_position", "side": "object_side"}.get(
        told.kind, str(told.value)
    )
    value = ask.nouns[1].value.designator if told.kind == "relation" else told.value
    return Claim(name, value, subject=noun.designator)


def _tell_predicate(ask: Ask, view: SceneView) -> str | None:
    """Answer ``Is the ship white?``: of several ships only where it is the same of each."""
    claim = _claim_of(ask)
    noun: Noun = ask.nouns[0].value
    if claim is None or ask.lead(ask.nouns[0]) not in ("the", "every", ""):
        return None
    if (missing := _say_missing(noun, view)) is not None:
        return missing
    some, each = _judge(claim, view), _judge(replace(claim, quantity="all"), view)
    if noun.is_all:
        return _say_verdict(False if some is False else each, replace(claim, quantity="all"))
    is_one = sum(map(len, (choose_objects(noun.designator, view.scene) or ((), ()))[:2])) == 1
    return _say_verdict(some if is_one or some is False else each or None, claim)


def _tell_denied(ask: Ask, view: SceneView) -> str | None:
    """Answer ``Is the ship not white?``: yes where none is, no where each is."""
    claim = _claim_of(ask)
    noun: Noun = ask.nouns[0].value
    if claim is None or ask.lead(ask.nouns[0]) != "the":
        return None
    if (missing := _say_missing(noun, view)) is not None:
        return missing
    some, each = _judge(claim, view), _judge(replace(claim, quantity="all"), view)
    is_one = sum(map(len, (choose_objects(noun.designator, view.scene) or ((), ()))[:2])) == 1
    if some is not False and not (some if is_one else each):
        return None
    if noun.is_all:
        return "No." if some else "Yes."
    return _say_verdict(some is False, replace(claim, negated=True))


def _tell_others(ask: Ask, view: SceneView) -> str | None:
    """Answer ``Are there ships that are not white?``."""
    noun: Noun = ask.nouns[0].value
    fitting = tuple(token for token in ask.tokens if token.kind != "not")
    designator = designate(fitting, ask.order.replace("X", ""))
    if not designator or ask.lead(ask.nouns[0]) not in ("", "a", "some"):
        return None
    all_of, is_listed = choose_surely(noun.designator, view)
    chosen = choose_objects(designator, view.scene) or ((), (), False)
    fit = {one.id for one in (*chosen[0], *chosen[1])}
    others = [one for one in all_of if one.id not in fit]
    if others:
        said = ""
        if ask.order == "NXC" and all(one.color for one in others):
            said, _ = say_colors(noun.designator, view, others)
        return lead_with("Yes", said)
    return "No." if is_listed and not chosen[1] else None


def _say_missing(noun: Noun, view: SceneView) -> str | None:
    """Say that there is no such object; None where there is one, or may be."""
    is_missing = find_bounds(noun.designator, view)[1] == 0
    return lead_with("No", say_number(noun.designator, view)) if is_missing else None


def _judge(claim: Claim, view: SceneView) -> Answer:
    (row,) = check_scene_claims((claim,), view.annotation).claims
    return None if row.verdict == "unknown" else row.verdict == "supported"


def _say_verdict(answer: Answer, claim: Claim) -> str | None:
    if answer is None:
        return None
    said = say_scene_claim(replace(claim, negated=claim.negated is answer))
    return f"{'Yes' if answer else 'No'}{f', {said}' if said else ''}."
