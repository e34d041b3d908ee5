"""Conversations: messages to one question, what was said before, and what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lineament.errors import BadInput
from lineament.serving.wire import FilePart, ImagePart, MediaUrl, Message, TextPart, VideoPart

SYSTEM_NOTE = "system messages are not followed"


@dataclass
class Conversation:
    """What is asked.

    Attributes:
        question: The last message of the user.
        history: Questions and answers before it.
        media: The one clip or picture, as a URL or file id; None without.
        where: The message's part that named it.
        notes: What of the request is not followed.
    """

    question: str = ""
    history: list[tuple[str, str]] = field(default_factory=list)
    media: str | None = None
    where: str = ""
    notes: list[str] = field(default_factory=list)


def read_conversation(messages: Sequence[Message]) -> Conversation:
    """Read messages; several of one role in a row are one.

    Raises:
        BadInput: There is no question, or more than one clip or picture.
    """
    read = Conversation()
    turns: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.role in ("system", "developer"):
            if SYSTEM_NOTE not in read.notes:
                read.notes.append(SYSTEM_NOTE)
            continue
        text = _read_content(message, read, where)
        if turns and turns[-1][0] == message.role:
            turns[-1] = (message.role, f"{turns[-1][1]}\n{text}".strip())
        else:
            turns.append((message.role, text))
    if not turns or turns[-1][0] != "user":
        raise BadInput("messages: the last one has to be the user's question")
    read.question = turns.pop()[1].strip()
    if not read.question:
        raise BadInput(
            "messages: the question is empty", hint='ask something, such as "Is he smiling?"'
        )
    if turns and turns[0][0] == "assistant":
        raise BadInput("messages: an answer stands before the first question")
    texts = [text for _, text in turns]
    read.history = list(zip(texts[::2], texts[1::2], strict=True))
    return read


def _read_content(message: Message, read: Conversation, where: str) -> str:
    """Return a message's words, and note the media in it."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    words: list[str] = []
    for number, part in enumerate(message.content):
        if isinstance(part, TextPart):
            words.append(part.text)
        elif message.role != "user":
            raise BadInput(f"{where}.content[{number}]: media come in the user's messages")
        else:
            _note_media(_read_url(part, where), read, f"{where}.content[{number}]")
    return "\n".join(words)


def _read_url(part: ImagePart | VideoPart | FilePart, where: str) -> str:
    if isinstance(part, FilePart):
        named = part.file.file_id or part.file.file_data
        if not named:
            raise BadInput(f"{where}: a file part wants file_id or file_data")
        return named
    url = part.image_url if isinstance(part, ImagePart) else part.video_url
    return url.url if isinstance(url, MediaUrl) else url


def _note_media(url: str, read: Conversation, where: str) -> None:
    """Take the media that a conversation is about; the same again is no second one.

    Raises:
        BadInput: There are others already.
    """
    if read.media is not None and read.media != url:
        raise BadInput(
            f"{where}: a conversation is about one clip or picture",
            hint="start a new conversation for another one",
        )
    if read.media is None:
        read.media, read.where = url, where
