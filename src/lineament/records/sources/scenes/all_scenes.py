"""Every source of aerial scenes, in the order in which the table lists them."""

from lineament.records.sources.scenes.captions import CAPTION_SETS
from lineament.records.sources.scenes.detection import DETECTION_SETS
from lineament.records.sources.scenes.dota import Dota
from lineament.records.sources.scenes.drawn import RenderedScenes
from lineament.records.sources.scenes.floodnet import FloodNet
from lineament.records.sources.scenes.referring import REFERRING_SETS
from lineament.records.sources.scenes.rsivqa import Rsivqa
from lineament.records.sources.scenes.rsvqa import RSVQA_SETS
from lineament.records.sources.scenes.scene_folders import SCENE_FOLDERS

SCENE_SOURCES = (
    *CAPTION_SETS,
    *RSVQA_SETS,
    FloodNet(),
    Rsivqa(),
    *REFERRING_SETS,
    Dota(),
    *DETECTION_SETS,
    *SCENE_FOLDERS,
    RenderedScenes(),
)
