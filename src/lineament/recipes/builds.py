"""The table of build recipes by name."""

from collections.abc import Mapping

from lineament.recipes.favchat_170k import FAVCHAT_170K
from lineament.recipes.unif2ace_130k import UNIF2ACE_130K
from lineament.records.sources.composition import Composition

BUILDS: Mapping[str, Composition] = {
    recipe.name: recipe for recipe in (FAVCHAT_170K, UNIF2ACE_130K)
}
