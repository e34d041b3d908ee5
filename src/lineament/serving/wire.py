"""The wire: requests as OpenAI's clients send them, checked; refused where not understood."""

import math
import secrets
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lineament.describe.chat import MAX_QUESTION_CHARACTERS

MAX_MESSAGES = 512
MAX_PARTS = 64
MAX_STOPS = 4
MAX_STOP_CHARACTERS = 64
INT64 = 1 << 63
MAX_TOKENS = 1 << 20


def _check_text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    return text


Text = Annotated[str, AfterValidator(_check_text)]
Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_text)]


class Wire(BaseModel):
    """A part of a request whose unknown keys are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Loose(BaseModel):
    """A part of a request whose other keys say nothing that we would have to heed."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class MediaUrl(Loose):
    """Where a clip or picture is: a data: URL, or the id of an uploaded file."""

    url: Text


class TextPart(Loose):
    """Words."""

    type: Literal["text"]
    text: Text


class ImagePart(Loose):
    """A picture."""

    type: Literal["image_url"]
    image_url: MediaUrl | Text


class VideoPart(Loose):
    """A clip."""

    type: Literal["video_url"]
    video_url: MediaUrl | Text


class FileReference(Loose):
    """An uploaded file, or one that is sent along."""

    file_id: Text | None = None
    file_data: Text | None = None


class FilePart(Loose):
    """A clip or picture as a file."""

    type: Literal["file"]
    file: FileReference


Part = Annotated[TextPart | ImagePart | VideoPart | FilePart, Field(discriminator="type")]


class Message(Loose):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(max_length=MAX_PARTS)] | None = None


class StreamOptions(Loose):
    """What a stream ends with."""

    include_usage: bool = False


class Nothing(Loose):
    """A setting that may be there as long as it asks for plain text."""

    type: Literal["text"]


class ChatRequest(Wire):
    """``POST /v1/chat/completions``: a conversation about one clip or picture.

    Beside OpenAI's fields: ``all_facts`` keeps the sentences of a description that say what is
    not validated on real media, and ``attention`` adds which frames the model attended to.
    """

    model: Name
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None
    stop: (
        Text
        | Annotated[
            list[Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]],
            Field(max_length=MAX_STOPS),
        ]
        | None
    ) = None
    all_facts: bool = False
    attention: bool = False
    # What may be sent and changes nothing here.
    user: Text | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: Text | None = None
    safety_identifier: Text | None = None
    prompt_cache_key: Text | None = None
    parallel_tool_calls: bool | None = None
    # What may only be sent with the value that changes nothing.
    response_format: Nothing | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    logprobs: Literal[False] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none"] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts before which the answer ends."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in given if stop)

    @property
    def token_limit(self) -> int | None:
        """At most so many tokens."""
        return self.max_completion_tokens or self.max_tokens

    def choose_seed(self, number: int) -> int:
        """Return the seed of one of the answers: the next after the one before."""
        first = secrets.randbelow(INT64) if self.seed is None else self.seed
        return (first + number) % INT64


class AnnotateRequest(Wire):
    """``POST /annotate``: who is seen when, and what their faces do.

    ``media`` is a data: URL or the id of an uploaded file; ``boxes`` adds where each face is.
    """

    media: Text
    boxes: bool = False


class CheckRequest(Wire):
    """``POST /check``: every claim of a text against media, or against an annotation."""

    text: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS)]
    media: Text | None = None
    annotation: dict[str, Any] | None = None


class ImagesRequest(Wire):
    """``POST /v1/images/generations``: faces from words, as marked PNG files in base64.

    Beside OpenAI's fields: ``seed``, ``guidance`` and ``steps``, as for ``lineament generate``.
    """

    prompt: Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS)]
    model: Name | None = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    size: Name | None = None
    response_format: Literal["b64_json"] | None = None
    seed: Annotated[int, Field(ge=0, lt=INT64 - 16)] | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] = 1.75
    steps: Annotated[int, Field(ge=1, le=64)] = 16
    user: Text | None = None
    quality: Name | None = None
    style: Name | None = None
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    moderation: Name | None = None

    def choose_seed(self) -> int:
        """Return the seed of the first picture."""
        return secrets.randbelow(1 << 31) if self.seed is None else self.seed


def round_seconds(seconds: float) -> int:
    """Return whole seconds, as the wire writes times."""
    return math.floor(seconds)
