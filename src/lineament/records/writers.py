"""What writes records, by name: free writers one annotation at a time, paid ones many at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.vocabulary import nearest_hint


@runtime_checkable
class Writer(Protocol):
    """Writes about one annotation, without cost, the same every time; runs in any process."""

    def write(
        self, annotation: Annotation, provenance: Mapping[str, str] | None = None
    ) -> Iterator[Record]:
        """Yield unverified records."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of paid work.

    Attributes:
        key: Its hash, by which the ledger finds it again.
        annotation: What is known.
        provenance: Goes into every record.
    """

    key: str
    annotation: Annotation
    provenance: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes:
        key: The job's.
        records: Unverified records; None where nothing came of it.
        cost: Money it took, in the writer's unit, also when it failed.
        tokens_in: Tokens sent.
        tokens_out: Tokens received.
        error: Why nothing came of it.
    """

    key: str
    records: tuple[Record, ...] | None
    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    error: str = ""


@runtime_checkable
class PaidWriter(Protocol):
    """Writes about many annotations at once, at a cost; the build keeps what was paid for.

    The three names go into every job's key: what is asked for anew when one of them changes.
    """

    @property
    def name(self) -> str:
        """Which writer, and which model."""
        ...

    @property
    def prompt_version(self) -> str:
        """Which prompts."""
        ...

    @property
    def sampling(self) -> str:
        """Temperature and other settings."""
        ...

    def write_all(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield one outcome a job, in any order, drawing jobs as it has room for them."""
        ...


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """What the command line says about writing.

    Attributes:
        kinds: Kinds of records to write; none: all.
        seed: Changes all that is written.
        options: Of one writer: an address, a model's name, a budget.
    """

    kinds: tuple[str, ...] = ()
    seed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


MakeWriter: TypeAlias = Callable[[WriterSettings], Writer | PaidWriter]


def make_template_writer(settings: WriterSettings) -> Writer:
    """Return the offline writer."""
    from lineament.records.write.scenes.either import EitherWriter, choose_scene_writer
    from lineament.records.write.scenes.writer import SCENE_COUNTS
    from lineament.records.write.template import DEFAULT_COUNTS, KINDS, TemplateWriter

    known = (*KINDS, *SCENE_COUNTS)
    for kind in settings.kinds:
        if kind not in known:
            raise BadInput(f"unknown kind {kind!r}", hint=_hint(kind, known))
    wanted = settings.kinds or tuple(DEFAULT_COUNTS)
    counts = {kind: DEFAULT_COUNTS.get(kind, 1) for kind in KINDS if kind in wanted}
    faces = TemplateWriter(counts, settings.seed)
    return EitherWriter(faces, choose_scene_writer(settings.kinds, settings.seed))


def _hint(word: str, known: Iterable[str]) -> str:
    listed = list(known)
    return nearest_hint(word, listed, otherwise=f"one of {', '.join(listed)}")
