"""The table of build recipes by name."""

from collections.abc import Mapping

from lineament.recipes.favchat_170k import FAVCHAT_170K
from lineament.recipes.unif2ace_130k import UNIF2ACE_130K
from lineament.records.sources.scenes.blend import RS_GPT4V_BUILD
from lineament.records.sources.source import Source

BUILDS: Mapping[str, Source] = {
    recipe.name: recipe for recipe in (FAVCHAT_170K, UNIF2ACE_130K, RS_GPT4V_BUILD)
}
