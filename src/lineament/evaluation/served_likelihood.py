"""Log-probabilities of yes and no from any OpenAI-compatible server that tells them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from lineament.endpoint import EndpointClient, Request, Settings
from lineament.errors import BadInput, EndpointFailed
from lineament.evaluation.answerer import Asked, Failure
from lineament.evaluation.likelihood import YesNo, weigh_tokens
from lineament.evaluation.served import MAX_FRAMES, write_messages

TOP_TOKENS = 20  # the most that OpenAI's own server tells of one place
Tokens = list[tuple[str, float]]


@final
class EndpointYesNo:
    """A vision model behind a server, asked for the likeliest first tokens of its answer.

    Frames and question go as they do where words are asked for. Whatever is not among the
    likeliest tokens counts as impossible.

    Attributes:
        settings: Which server and model, and how hard to press it.
        max_frames: Frames of a clip at most, evenly spread; their times are told in words.
    """

    def __init__(self, settings: Settings, *, max_frames: int = MAX_FRAMES) -> None:
        self.settings = settings
        self.max_frames = max_frames
        self.name = settings.model
        self.identity = f"{settings.url} {settings.model}, frames {max_frames}, top {TOP_TOKENS}"

    def yes_no(self, batch: Sequence[Asked]) -> list[YesNo | Failure]:
        """Send all questions of the batch at once, within the client's limits.

        Raises:
            BadInput: The server tells no log-probabilities.
        """
        return asyncio.run(self._weigh(batch))

    async def _weigh(self, batch: Sequence[Asked]) -> list[YesNo | Failure]:
        found: list[YesNo | Failure] = [Failure("not answered")] * len(batch)
        requests = [
            _Weighed(messages=messages, max_tokens=1, temperature=0.0, key=str(place))
            for place, messages in write_messages(batch, self.max_frames)
        ]
        async with EndpointClient(self.settings) as client:
            async for reply in client.complete_all(requests):
                if isinstance(reply, tuple):
                    request, error = reply
                    found[int(request.key)] = Failure(self._reason(error))
                else:
                    tokens = self._require(read_tokens(reply.answer))
                    found[int(reply.request.key)] = weigh_tokens(tokens)
        return found

    def _require(self, tokens: Tokens) -> Tokens:
        if not tokens:
            raise BadInput(
                f"{self.settings.url}: {self.settings.model} gives no log-probabilities",
                hint=f"it must answer logprobs and top_logprobs; or in words: --model {self.name}",
            )
        return tokens

    def _reason(self, error: EndpointFailed) -> str:
        if "logprob" in error.message:  # refused by name, so it is for every question
            self._require([])
        return error.message


@dataclass(frozen=True, slots=True)
class _Weighed(Request):
    """A request that asks for the likeliest tokens, too."""

    def body(self, model: str, structure: str = "none") -> dict[str, Any]:
        own = Request.body(self, model, structure)  # slots leave no `super()` here
        return {**own, "logprobs": True, "top_logprobs": TOP_TOKENS}


def read_tokens(answer: Mapping[str, Any]) -> Tokens:
    """Return the likeliest first tokens of a server's answer; none where it tells none of use."""
    try:
        first = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return [
            (str(token["token"]), float(token["logprob"])) for token in first if _is_told(token)
        ]
    except (LookupError, ValueError, TypeError):
        return []


def _is_told(token: object) -> bool:
    return isinstance(token, Mapping) and "token" in token and "logprob" in token
