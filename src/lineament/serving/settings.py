"""What a server allows and keeps: sizes, times, places in the queue, bytes of caches."""

from pydantic import Field, model_validator

from lineament.config import Settings

MEBIBYTE = 1 << 20
MAX_CHOICES = 8


class MediaLimits(Settings):
    """What is refused before or while it is decoded.

    Attributes:
        max_bytes: Of one clip or picture.
        max_side_px: Longest side.
        max_pixels: Largest frame area.
        max_frames: Of one clip, counted while it is read, whatever its container says.
        max_seconds: Length of one clip.
        decode_seconds: After which the process that decodes is killed.
        decode_bytes: Memory beyond which it is killed.
    """

    max_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    max_side_px: int = Field(default=12_000, gt=0)
    max_pixels: int = Field(default=50_000_000, gt=0)
    max_frames: int = Field(default=6_000, gt=0)
    max_seconds: float = Field(default=120.0, gt=0)
    decode_seconds: float = Field(default=60.0, gt=0)
    decode_bytes: int = Field(default=3_072 * MEBIBYTE, gt=0)


class ServeSettings(Settings):
    """A server's settings; none of them changes an answer.

    Attributes:
        media: Limits of clips and pictures.
        max_batch: Answers decoded together.
        max_waiting: Requests that may wait beyond those; more are told to come back.
        max_drawing: Requests for drawings that may wait or run.
        deadline_seconds: A request that takes longer ends.
        num_lookers: Processes that decode media and find faces.
        feature_bytes: Of looked-at media that are kept.
        prefix_bytes: Of keys and values of texts that are kept.
        upload_bytes: Of all uploads together.
        file_seconds: After which an upload is forgotten.
        body_bytes: Of all request bodies that are being received, together.
        body_seconds: To receive one body in.
        rate_per_minute: Requests of one client; 0 for no limit.
        max_connections: Open connections.
        log_prompts: Whether questions and answers are written to the log.
    """

    media: MediaLimits = MediaLimits()
    max_batch: int = Field(default=16, ge=1, le=256)
    max_waiting: int = Field(default=12, ge=0)
    max_drawing: int = Field(default=4, ge=1)
    deadline_seconds: float = Field(default=120.0, gt=0)
    num_lookers: int = Field(default=1, ge=1, le=64)
    feature_bytes: int = Field(default=256 * MEBIBYTE, ge=0)
    prefix_bytes: int = Field(default=256 * MEBIBYTE, ge=0)
    upload_bytes: int = Field(default=1024 * MEBIBYTE, gt=0)
    file_seconds: float = Field(default=3600.0, gt=0)
    body_bytes: int = Field(default=512 * MEBIBYTE, gt=0)
    body_seconds: float = Field(default=120.0, gt=0)
    rate_per_minute: float = Field(default=0.0, ge=0)
    max_connections: int = Field(default=2048, ge=1)
    log_prompts: bool = False

    @model_validator(mode="after")
    def _check(self) -> "ServeSettings":
        if self.media.max_bytes > self.upload_bytes:
            raise ValueError("upload_bytes is less than media.max_bytes")
        if self.max_body_bytes > self.body_bytes:
            raise ValueError("body_bytes holds no request with a clip of media.max_bytes")
        return self

    @property
    def max_places(self) -> int:
        """Requests in the house at once: decoded and waiting."""
        return self.max_batch + self.max_waiting

    @property
    def max_choices(self) -> int:
        """Answers that one request may ask for."""
        return min(MAX_CHOICES, self.max_places)

    @property
    def max_body_bytes(self) -> int:
        """Of one request: a clip as base64, and some text beside it."""
        return self.media.max_bytes * 4 // 3 + MEBIBYTE
