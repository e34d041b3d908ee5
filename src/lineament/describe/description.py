"""Descriptions: which of a model's sentences are passed on."""

from collections.abc import Callable, Iterable

from lineament.claims import Claim, read_answer, read_claims
from lineament.describe.bearing import Validation, is_validated_real, split_sentences
from lineament.records.write.clauses import find_clauses
from lineament.records.write.grammar import sentence

Ask = Callable[[str], str]


class OwnWord:
    """What a model answers about single names, asked outright and once each.

    The next sentence of a description follows those before it as much as what is seen; a question
    about one name does not.

    Args:
        ask: Puts a question to the model.
        media: ``clip`` or ``picture``.
    """

    def __init__(self, ask: Ask, media: str) -> None:
        self._ask, self._media = ask, media
        self._answers: dict[str, bool | None] = {}

    def denies(self, claims: Iterable[Claim]) -> bool:
        """Say whether the model denies any of these flags when asked about it."""
        return any(
            self._find(claim.name) is (not claim.value)
            for claim in claims
            if isinstance(claim.value, bool)
        )

    def _find(self, name: str) -> bool | None:
        if name not in self._answers:
            self._answers[name] = self._ask_about(name)
        return self._answers[name]

    def _ask_about(self, name: str) -> bool | None:
        clauses = find_clauses(name, "the person", self._media)
        if not clauses:
            return None
        question = f"{sentence(clauses[0].ask)}?"
        values = (
            claim.value for claim in read_answer(question, self._ask(question))
            if claim.name == name and isinstance(claim.value, bool)
        )  # fmt: skip
        return next(values, None)


class Description:
    """Judges the sentences of a description one after the other.

    Args:
        own_word: What the model says of single names.
        validation: On what media answers are validated; None passes on what is not validated, too.

    Attributes:
        kept: What is passed on.
        num_left_out: Sentences that claim what is not validated on real media.
        num_denied: Sentences that the model denies when asked outright.
    """

    def __init__(self, own_word: OwnWord, validation: Validation | None) -> None:
        self.own_word, self.validation = own_word, validation
        self.kept: list[str] = []
        self.num_left_out = self.num_denied = 0
        self._said: set[tuple[str, object, bool]] = set()

    def keeps(self, text: str) -> bool:
        """Say whether a sentence is passed on, and remember what it claims if it is."""
        claims = read_claims(text)
        said = {(claim.name, claim.value, claim.negated) for claim in claims}
        if text in self.kept or (said and said <= self._said):
            return False
        if self.validation is not None and not is_validated_real(text, self.validation):
            self.num_left_out += 1
            return False
        if self.own_word.denies(claims):
            self.num_denied += 1
            return False
        self._said |= said
        self.kept.append(text)
        return True


def read_sentences(pieces: Iterable[str]) -> list[str]:
    """Cut what a model writes into sentences; where it says one again, it is taken to be done."""
    text = ""
    for piece in pieces:
        text += piece
        whole = split_sentences(text)[:-1]
        if len(set(whole)) < len(whole):
            return whole[:-1]
    return split_sentences(text)
