"""Every error raised on purpose, drawn as one tree.

LineamentError
├── BadInput                what a person gave cannot be used
│   ├── BadMedia            a clip or picture that cannot be opened or decoded
│   ├── BadAnnotation       an annotations file with unknown words or wrong types
│   ├── BadVocabulary       a word that no table knows
│   ├── BadStore            a stored folder that is damaged or of another version
│   └── BadModel            a model that is not there, damaged, or unlike its configuration
├── EmptyTrack              a face track without frames
├── EndpointFailed          a server that does not answer, or not usefully
├── BudgetSpent             tokens or money are used up
└── MissingExtra            an optional dependency that is not installed
"""


class LineamentError(Exception):
    """Any error of ours: one message, and one hint on what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(LineamentError):
    """What a person gave cannot be used; the command line exits with 2."""


class BadMedia(BadInput):
    """A clip or picture cannot be opened, decoded, or is beyond the limits."""


class BadAnnotation(BadInput):
    """An annotation holds an unknown word, a wrong type or an impossible value."""


class BadVocabulary(BadInput):
    """A word is in no table of the vocabulary."""


class BadStore(BadInput):
    """A stored folder is damaged or was written by an incompatible version."""


class BadModel(BadInput):
    """A model is not there, is damaged, or does not fit its configuration."""


class EmptyTrack(LineamentError):
    """A face track has no frames."""


class EndpointFailed(LineamentError):
    """A server failed to answer a request, as often as it was tried."""


class BudgetSpent(LineamentError):
    """The tokens or the money that may be spent are spent; nothing more is sent."""


class MissingExtra(LineamentError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", hint=f"pip install 'lineament[{extra}]'")
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # A worker process sends its errors pickled; without this they could not be opened.
        return type(self), (self.package, self.extra)


def refuse_half_characters(text: str, what: str) -> None:
    """Refuse a text with bytes that are no UTF-8, or with escaped halves of characters.

    Raises:
        BadInput: It has some.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadInput(f"{what} is no text in UTF-8", hint="type it again")
