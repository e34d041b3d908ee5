"""Scene folders: UC Merced, AID, NWPU-RESISC45 and EuroSAT, a folder of pictures a class."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.geotiff import Bands, measure_picture, write_bands
from lineament.records.sources.scenes.label import Label, label_extra, picture_facts
from lineament.records.sources.scenes.layout import (
    choose_bands,
    drop_class,
    find_scene_class,
    list_pictures,
    scene_facts,
)
from lineament.records.sources.source import Dropped, require_split, share_of

# None of the sets has an official split: four fifths, a tenth and a tenth, by name.
_SHARES = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0), "all": (0.0, 1.0)}


@final
@dataclass(frozen=True, slots=True)
class SceneFolders:
    """One scene set.

    Attributes:
        name: What people type.
        inside: Folders that the class folders may lie in.
        meters_per_pixel: Where one scale holds for all pictures.
        bands: Red, green and blue of its files of many bands, from 0; the folder's ``bands.txt``
            chooses others.
    """

    name: str
    inside: tuple[str, ...]
    licence: str
    meters_per_pixel: float | None = None
    bands: Bands | None = None
    splits: tuple[str, ...] = ("all", "train", "val", "test")
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every picture of the split with its class."""
        require_split(self, split)
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder", hint="give the data set's folder: --data")
        place, classes = self._find_classes(folder)
        low, high = _SHARES[split]
        for scene in classes:
            if find_scene_class(scene.name) is None:
                yield drop_class(str(scene.relative_to(place)), scene.name)
                continue
            for path in list_pictures(scene):
                if low <= share_of(f"{self.name}/{path.name}") < high:
                    yield self._annotate(path, scene.name, folder)

    def read_turns(self, folder: Path, split: str = "all") -> Iterator[Record | Dropped]:
        """Yield one question on the kind of scene for each picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _find_classes(self, folder: Path) -> tuple[Path, list[Path]]:
        for place in (folder, *(folder / name for name in self.inside)):
            if place.is_dir():
                found = sorted(p for p in place.iterdir() if p.is_dir())
                if any(find_scene_class(p.name) for p in found):
                    return place, found
        raise BadInput(f"{folder}: holds no class folders", hint="is this the right folder?")

    def _annotate(self, path: Path, scene: str, folder: Path) -> Annotation:
        media = path.relative_to(folder).as_posix()
        seen = measure_picture(folder, media)
        own = self.bands if self.bands and seen.num_bands > max(self.bands) + 1 else None
        scale = seen.meters_per_pixel or self.meters_per_pixel
        label = Label("class", answer=scene, row=path.name)
        return Annotation(
            media=write_bands(media, choose_bands(folder) or own),
            facts=(*picture_facts(seen.size_px, scale), *scene_facts(scene)),
            licence=self.licence,
            split_key=f"{self.name}/{path.name}",
            extra=label_extra((label,)),
        )


SCENE_FOLDERS = (
    SceneFolders(
        "uc-merced", ("Images", "UCMerced_LandUse/Images"), "public domain (USGS)", 0.3048
    ),
    SceneFolders("aid", ("AID",), "none stated; citation asked"),
    SceneFolders("nwpu-resisc45", ("NWPU-RESISC45",), "none stated; citation asked"),
    SceneFolders(
        "eurosat", ("2750", "EuroSAT", "EuroSAT_MS", "EuroSAT_RGB"), "MIT", 10.0, bands=(3, 2, 1)
    ),
)


def write_row(label: Label) -> str:
    """Write a label as the data set has it: a picture below the folder of its class."""
    return f"{label.answer}/{label.row}"
