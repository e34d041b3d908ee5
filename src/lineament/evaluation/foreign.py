"""Vision-language models of transformers as answerers: any image-text-to-text model."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch
from PIL import Image

from lineament.errors import BadModel
from lineament.evaluation.answerer import (
    LONG_TOKENS,
    Asked,
    Failure,
    say_limits,
    spread_frames,
    tell_times,
)
from lineament.evaluation.likelihood import SPELLINGS, YesNo, YesNoModel
from lineament.model.foreign import first_line

__all__ = [
    "ForeignAnswerer", "YesNo", "YesNoModel", "find_first_tokens", "hash_folder", "load_foreign",
    "write_message",
]  # fmt: skip

MAX_NEW_TOKENS, MAX_FRAMES, BATCH = 96, 8, 8
HASH_BLOCK = 1 << 24
_SETTINGS = (
    "*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt",
)  # fmt: skip


@final
class ForeignAnswerer:
    """A transformers vision-language model, asked greedily through its own chat template.

    Frames of a clip go in as several pictures, evenly spread, with their times told in words, as
    for a server. Nothing is cut from the question and nothing is added to it.

    Attributes:
        model: A decoder that reads pictures and text.
        processor: Its own; its chat template writes the prompt.
    """

    is_looking = True
    num_media = BATCH

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        name: str,
        identity: str = "",
        max_frames: int = MAX_FRAMES,
        max_new_tokens: int = MAX_NEW_TOKENS,
        long_tokens: int = LONG_TOKENS,
        batch_size: int = BATCH,
    ) -> None:
        self.model, self.processor = model.eval(), processor
        self.max_frames, self.batch_size = max_frames, batch_size
        self.name = name
        self.identity = (
            f"{identity or name}, {say_limits(max_new_tokens, long_tokens)}, frames {max_frames}"
        )
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._settings = {
            is_long: _greedy_settings(model, tokenizer, most)
            for is_long, most in ((False, max_new_tokens), (True, long_tokens))
        }
        self._first_tokens = {side: find_first_tokens(tokenizer, side) for side in (True, False)}

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Answer every question; so many at once as `batch_size` says."""
        answers: list[str | Failure] = [Failure("not asked")] * len(batch)
        for is_long in (False, True):
            places = [place for place, asked in enumerate(batch) if asked.is_long is is_long]
            for start in range(0, len(places), self.batch_size):
                own = places[start : start + self.batch_size]
                said = self._generate([batch[place] for place in own], is_long=is_long)
                for place, text in zip(own, said, strict=True):
                    answers[place] = text
        return answers

    def yes_no(self, batch: Sequence[Asked]) -> list[YesNo | Failure]:
        """Return how likely each answer begins with yes and with no, in any spelling."""
        found: list[YesNo | Failure] = []
        for start in range(0, len(batch), self.batch_size):
            found += self._weigh(batch[start : start + self.batch_size])
        return found

    @torch.inference_mode()
    def _generate(self, batch: Sequence[Asked], *, is_long: bool) -> list[str]:
        inputs = self._prepare(batch)
        made = self.model.generate(**inputs, generation_config=self._settings[is_long])
        fresh = made[:, inputs["input_ids"].shape[1] :]
        said = self.processor.tokenizer.batch_decode(fresh, skip_special_tokens=True)
        return [text.strip() for text in said]

    @torch.inference_mode()
    def _weigh(self, batch: Sequence[Asked]) -> list[YesNo]:
        logits = self.model(**self._prepare(batch)).logits[:, -1]
        log_probs = logits.float().log_softmax(-1)
        sides = [
            log_probs[:, self._first_tokens[side]].logsumexp(-1).tolist() for side in (True, False)
        ]
        return [YesNo(yes, no) for yes, no in zip(*sides, strict=True)]

    def _prepare(self, batch: Sequence[Asked]) -> dict[str, Any]:
        conversations = [[write_message(asked, self.max_frames)] for asked in batch]
        try:
            inputs = self.processor.apply_chat_template(
                conversations, add_generation_prompt=True, tokenize=True, return_dict=True,
                return_tensors="pt", processor_kwargs={"padding": True},
            )  # fmt: skip
        except (ValueError, TypeError, KeyError) as error:
            raise BadModel(
                f"{self.name}: its processor does not take pictures and text ({first_line(error)})",
                hint="a processor with a chat template is needed",
            ) from error
        dtype = self.model.dtype
        return {
            key: value.to(self.model.device, dtype if value.is_floating_point() else None)
            for key, value in inputs.items()
            if isinstance(value, torch.Tensor)
        }


def write_message(asked: Asked, max_frames: int) -> dict[str, Any]:
    """Return a question as a message: pictures, their times where there are several, its text."""
    content: list[dict[str, Any]] = []
    if asked.visual is not None:
        places = spread_frames(asked.visual, max_frames)
        content = [
            {"type": "image", "image": Image.fromarray(asked.visual.frames[place])}
            for place in places
        ]
        if len(places) > 1:
            content.append({"type": "text", "text": f"{tell_times(asked.visual, places)}\n"})
    content.append({"type": "text", "text": asked.prompt})
    return {"role": "user", "content": content}


def find_first_tokens(tokenizer: Any, is_yes: bool) -> list[int]:
    """Return the ids of the tokens with which yes, or no, may begin.

    A word of several tokens counts by its first, unless the other word begins with it, too.
    """
    sides: dict[bool, set[int]] = {}
    for side, words in SPELLINGS.items():
        spelled = [f"{space}{word}" for word in words for space in ("", " ")]
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in spelled]
        sides[side] = {own[0] for own in ids if own}
    # A space that is a token of its own begins both, and is neither.
    own = sorted(sides[is_yes] - sides[not is_yes])
    if not own:
        raise BadModel(
            "its tokenizer does not tell yes from no by the first token",
            hint="ask it in words instead: hf:NAME",
        )
    return own


def _greedy_settings(model: Any, tokenizer: Any, max_new_tokens: int) -> Any:
    """Return settings of greedy decoding, with nothing of the model's own sampling in them."""
    from transformers import GenerationConfig

    own = model.generation_config
    # What a checkpoint sets for sampling would only be warned about; what shapes greedy answers
    # (repetition penalties and the like) is left out as well, so that greedy means greedy.
    model.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=max_new_tokens,
        bos_token_id=own.bos_token_id,
        eos_token_id=tokenizer.eos_token_id if own.eos_token_id is None else own.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def load_foreign(
    name_or_path: str, *, dtype: Any = "auto", device: str | None = None
) -> ForeignAnswerer:
    """Load a model from a folder, or from the hub where there is no such folder.

    Args:
        name_or_path: A folder of ``save_pretrained``, or ``owner/name`` on the hub.
        dtype: Of the weights; as they were saved when left out.
        device: Where it runs; a GPU if there is one.

    Raises:
        BadModel: It is not there, is no image-text-to-text model, or has no chat template.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = Path(name_or_path).expanduser()
    if not folder.is_dir() and (folder.exists() or name_or_path.count("/") != 1):
        raise BadModel(
            f"{name_or_path}: neither a model folder nor a hub name",
            hint="hf:FOLDER or hf:OWNER/NAME",
        )
    place = str(folder) if folder.is_dir() else name_or_path
    try:
        processor: Any = AutoProcessor.from_pretrained(place)
        model: Any = AutoModelForImageTextToText.from_pretrained(place, dtype=dtype)
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
        raise BadModel(
            f"{name_or_path}: cannot be loaded as an image-text-to-text model "
            f"({first_line(error)})",
            hint="models whose processor needs torchvision want it installed; a hub name wants "
            "the network once",
        ) from error
    if getattr(processor, "chat_template", None) is None:
        raise BadModel(f"{name_or_path}: its processor has no chat template, so it cannot chat")
    if model.config.is_encoder_decoder:
        raise BadModel(f"{name_or_path}: an encoder-decoder; decoders alone are supported")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    identity = f"{folder.name} {hash_folder(folder)}" if folder.is_dir() else name_or_path
    commit = getattr(model.config, "_commit_hash", None)
    return ForeignAnswerer(
        model.to(device), processor, name=folder.name if folder.is_dir() else name_or_path,
        identity=f"{identity} {commit}" if commit else identity,
    )  # fmt: skip


def hash_folder(folder: Path, *, is_deep: bool = False) -> str:
    """Return a short hash of weights and settings, read in blocks however large they are.

    It rests on names inside the folder and on contents alone, so it is the same on every machine.

    Args:
        folder: A model's.
        is_deep: Take in folders inside it, too, but for hidden ones.
    """
    digest = hashlib.blake2b(digest_size=8)
    names = {
        path.relative_to(folder).as_posix()
        for kind in _SETTINGS
        for path in (folder.rglob(kind) if is_deep else folder.glob(kind))
        if path.is_file()
    }
    for name in sorted(names):
        if any(part.startswith(".") for part in name.split("/")):
            continue
        digest.update(name.encode())
        with (folder / name).open("rb") as file:
            while block := file.read(HASH_BLOCK):
                digest.update(block)
    return digest.hexdigest()
