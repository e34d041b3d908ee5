"""The composition of RS-GPT4V: which sources, how many pictures and pairs, how mixed.

Counts are the rows of the PreGRES table, which names the same ten sources; they add up to its
printed totals. What is left of the paper's own totals was written by GPT-4V.
"""

from dataclasses import dataclass

PAPER_TRAIN, PAPER_TEST = (91_937, 991_206), (15_999, 258_419)
# The part that GPT-4V wrote, by subtraction. The table prints 1,093 test pairs of NWPU-Captions;
# at one pair a picture it has 3,150, and with those the paper's total leaves 2,543.
WRITTEN_TRAIN, WRITTEN_TEST = (18_931, 71_532), (1226, 2543)


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One source of the mixture.

    Attributes:
        task: What its labels are used for.
        source: Name in the table of sources.
        split: Which part of it is the train part.
        test_split: Which part is the test part, or empty.
        train: Pictures and pairs to train on.
        test: Pictures and pairs to test on.
        is_in_paper: False for what LISAt's table adds to the ten sources of RS-GPT4V.
    """

    task: str
    source: str
    split: str
    test_split: str
    train: tuple[int, int]
    test: tuple[int, int] = (0, 0)
    is_in_paper: bool = True


@dataclass(frozen=True, slots=True)
class Mixture:
    """Sources mixed by a power of their size.

    Attributes:
        name: What people type.
        ingredients: Adapted sources.
        exponent: Weight of a source is its number of train pairs to this power; 1 is as they come.
    """

    name: str
    ingredients: tuple[Ingredient, ...]
    exponent: float = 0.5

    @property
    def train(self) -> tuple[int, int]:
        """Pictures and pairs to train on; a picture counts once a task."""
        return _total([one.train for one in self.ingredients])

    @property
    def test(self) -> tuple[int, int]:
        """Pictures and pairs to test on."""
        return _total([one.test for one in self.ingredients])

    def weigh(self, pairs: int) -> float:
        """Return how much of the pairs a source with so many gets, relative to the others."""
        return pairs**self.exponent


RS_GPT4V = Mixture(
    "rs-gpt4v",
    (
        Ingredient("caption", "nwpu-captions", "train", "test", (25_200, 125_894), (3150, 1093)),
        Ingredient("caption", "rsicd", "train", "test", (8734, 17_813), (1093, 1093)),
        Ingredient("caption", "rsitmd", "train", "", (4291, 20_096)),
        Ingredient("caption", "sydney-captions", "train", "test", (497, 2294), (58, 58)),
        Ingredient("caption", "ucm-captions", "train", "test", (1680, 7999), (210, 210)),
        Ingredient("vqa", "rsvqa-lr", "train", "test", (572, 57_223), (100, 10_004)),
        Ingredient("vqa", "rsvqa-hr", "train", "test", (6251, 625_340), (2226, 222_684)),
        Ingredient("vqa", "floodnet", "train", "", (1448, 4511)),
        Ingredient("vqa", "rsivqa", "train", "", (5401, 19_218)),
        Ingredient("grounding", "dior-rsvg", "train", "test", (9466, 19_643), (7936, 18_677)),
        Ingredient("region", "dior-rsvg-regions", "train", "", (9466, 19_643)),
        Ingredient("class", "nwpu-resisc45", "all", "", (31_500, 31_500), is_in_paper=False),
    ),
)


def _total(parts: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(pictures for pictures, _ in parts), sum(pairs for _, pairs in parts)
