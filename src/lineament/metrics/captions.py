"""Captions against references: BLEU-1 to 4, ROUGE-L, CIDEr-D and CIDEr."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from lineament.metrics.intervals import Sums
from lineament.metrics.words import (
    MAX_ORDER,
    Grams,
    count_grams,
    find_entries,
    longest_common_words,
)

Words = Sequence[str]
ROUGE_BETA = 1.2
CIDER_SIGMA = 6.0
# The reference implementation's guards against an empty numerator and denominator.
_TINY, _SMALL = 1e-15, 1e-9


@dataclass(frozen=True)
class CountedCaptions:
    """Candidates and references with their n-grams counted once for all measures.

    Attributes:
        candidates: N-grams of the candidates, by order.
        references: N-grams of all references, in the order of their items.
        candidate_lengths: In words.
        reference_lengths: In words.
        item_of: Each reference's item.
    """

    candidates: list[Grams]
    references: list[Grams]
    candidate_lengths: Int[np.ndarray, " items"]
    reference_lengths: Int[np.ndarray, " references"]
    item_of: Int[np.ndarray, " references"]


def count_captions(
    candidates: Sequence[Words], references: Sequence[Sequence[Words]]
) -> CountedCaptions:
    """Count the n-grams of candidates and of their references.

    Raises:
        ValueError: The two differ in number, or a candidate has no reference.
    """
    if len(candidates) != len(references) or not all(references):
        raise ValueError("expected one candidate and at least one reference for every item")
    num = len(candidates)
    flat = [words for own in references for words in own]
    grams, lengths = count_grams([*candidates, *flat])
    return CountedCaptions(
        candidates=[g.part(0, num) for g in grams],
        references=[g.part(num, num + len(flat)) for g in grams],
        candidate_lengths=lengths[:num],
        reference_lengths=lengths[num:],
        item_of=np.repeat(np.arange(num), [len(own) for own in references]),
    )


def bleu_stats(counted: CountedCaptions) -> Float[np.ndarray, "items 10"]:
    """Return each item's summands of corpus BLEU.

    Columns: length, closest reference length (the shorter of two equally close), then matches
    and guesses of each order.
    """
    lengths = counted.candidate_lengths
    num = len(lengths)
    gap = np.abs(counted.reference_lengths - lengths[counted.item_of])
    worst = int(counted.reference_lengths.max(initial=0)) + 1
    best = np.full(num, np.iinfo(np.int64).max)
    np.minimum.at(best, counted.item_of, gap * worst + counted.reference_lengths)
    stats = np.zeros((num, 2 + 2 * MAX_ORDER))
    stats[:, 0], stats[:, 1] = lengths, best % worst
    for order in range(MAX_ORDER):
        own, theirs = counted.candidates[order], counted.references[order]
        place = find_entries(own, counted.item_of[theirs.rows], theirs.ids)
        most = np.zeros(len(own.ids), np.int64)
        np.maximum.at(most, place[place >= 0], theirs.counts[place >= 0])
        clipped = np.minimum(own.counts, most)
        stats[:, 2 + order] = np.bincount(own.rows, clipped, minlength=num)
        stats[:, 2 + MAX_ORDER + order] = np.maximum(lengths - order, 0)
    return stats


def bleu_of(sums: Sums, order: int = MAX_ORDER) -> Float[np.ndarray, " resamples"]:
    """Return corpus BLEU of one order, 0 to 1, from sums of `bleu_stats`."""
    matches, guesses = sums[:, 2 : 2 + order], sums[:, 6 : 6 + order]
    precision = (matches + _TINY) / (guesses + _SMALL)
    geometric = np.exp(np.log(precision).mean(axis=1))
    ratio = (sums[:, 0] + _TINY) / (sums[:, 1] + _SMALL)
    return np.where(ratio < 1, geometric * np.exp(1 - 1 / np.maximum(ratio, _TINY)), geometric)


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """Return corpus BLEU-1 to BLEU-4, each 0 to 1."""
    sums = bleu_stats(count_captions(candidates, references)).sum(0, keepdims=True)
    return [float(bleu_of(sums, order)[0]) for order in range(1, MAX_ORDER + 1)]


def rouge_l(
    candidates: Sequence[Words], references: Sequence[Sequence[Words]]
) -> Float[np.ndarray, " items"]:
    """Return ROUGE-L of each item: best recall and best precision over the references.

    As in the caption evaluation of COCO, F with beta 1.2; the two may come from different
    references.
    """
    return np.array(
        [_rouge(own, theirs) for own, theirs in zip(candidates, references, strict=True)]
    )


def _rouge(candidate: Words, references: Sequence[Words]) -> float:
    precision = recall = 0.0
    for reference in references:
        common = longest_common_words(candidate, reference)
        if common:
            precision = max(precision, common / len(candidate))
            recall = max(recall, common / len(reference))
    if not precision or not recall:
        return 0.0
    weight = ROUGE_BETA**2
    return (1 + weight) * precision * recall / (recall + weight * precision)


def cider_d(counted: CountedCaptions) -> Float[np.ndarray, " items"]:
    """Return CIDEr-D of each item, 0 to 10: clipped counts and a penalty on unlike lengths.

    This is what caption papers report as CIDEr, times 100 in most tables after division by 10;
    document frequencies are those of the items' own references. Vedantam et al. 2015.
    """
    return _cider(counted, is_clipped=True)


def cider(counted: CountedCaptions) -> Float[np.ndarray, " items"]:
    """Return plain CIDEr of each item, 0 to 10: cosines of TF-IDF vectors, no clipping.

    Vedantam et al. 2015, equations 1 to 4, without stemming.
    """
    return _cider(counted, is_clipped=False)


def _cider(counted: CountedCaptions, *, is_clipped: bool) -> Float[np.ndarray, " items"]:
    num, num_references = len(counted.candidate_lengths), len(counted.item_of)
    total = np.zeros(num_references)
    log_num = np.log(float(num))
    for own, theirs in zip(counted.candidates, counted.references, strict=True):
        items = counted.item_of[theirs.rows]
        # An n-gram counts once for an item, however many of its references hold it.
        present = np.unique(items * theirs.num_ids + theirs.ids) % theirs.num_ids
        frequency = np.bincount(present, minlength=theirs.num_ids)
        rarity = log_num - np.log(np.maximum(frequency, 1.0))
        hyp, ref = own.counts * rarity[own.ids], theirs.counts * rarity[theirs.ids]
        hyp_norm = np.sqrt(np.bincount(own.rows, hyp**2, minlength=num))
        ref_norm = np.sqrt(np.bincount(theirs.rows, ref**2, minlength=num_references))
        place = find_entries(own, items, theirs.ids)
        shared = place >= 0
        said = hyp[place[shared]]
        said = np.minimum(said, ref[shared]) if is_clipped else said
        dot = np.bincount(theirs.rows[shared], said * ref[shared], minlength=num_references)
        norm = hyp_norm[counted.item_of] * ref_norm
        total += np.divide(dot, norm, out=np.zeros(num_references), where=norm != 0)
    if is_clipped:
        # The reference implementation measures lengths in bigrams, one less than in words.
        lengths = np.maximum(counted.candidate_lengths - 1, 0)[counted.item_of]
        gap = (lengths - np.maximum(counted.reference_lengths - 1, 0)).astype(np.float64)
        total *= np.exp(-(gap**2) / (2 * CIDER_SIGMA**2))
    sums = np.bincount(counted.item_of, total / MAX_ORDER, minlength=num)
    return 10.0 * sums / np.bincount(counted.item_of, minlength=num)
