"""Metrics: values worked out by hand, parity with reference algorithms, intervals that cover."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.metrics import boxes
from lineament.metrics.boxes import (
    box_iou,
    match_boxes,
    overlap_boxes,
    overlap_polygons,
    polygon_from_box,
)
from lineament.metrics.captions import bleu, cider, cider_d, count_captions, rouge_l
from lineament.metrics.classes import (
    auc,
    balanced_accuracy,
    balanced_of,
    binary_stats,
    class_stats,
    count_classes,
    macro_f1_of,
    multilabel_f1,
    recall_of,
    uar,
    war,
)
from lineament.metrics.events import score_entailed, score_events
from lineament.metrics.intervals import bootstrap_interval, compare_paired, mean_of, mean_stats
from lineament.metrics.spans import (
    assign,
    count_spans,
    longest_common,
    order_agreement,
    span_iou,
)
from lineament.metrics.words import NORMALISATIONS, longest_common_words


def grams_of(words, order):
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def reference_bleu(candidates, references, order):
    """Corpus BLEU from its definition, closest length, written without our n-gram codes."""
    length = closest = 0
    log_precision = 0.0
    for own, theirs in zip(candidates, references, strict=True):
        length += len(own)
        closest += min((abs(len(r) - len(own)), len(r)) for r in theirs)[1]
    for n in range(1, order + 1):
        hits = guesses = 0
        for own, theirs in zip(candidates, references, strict=True):
            most = Counter()
            for reference in theirs:
                most |= grams_of(reference, n)
            hits += sum((grams_of(own, n) & most).values())
            guesses += max(len(own) - n + 1, 0)
        log_precision += math.log((hits + 1e-15) / (guesses + 1e-9)) / order
    ratio = (length + 1e-15) / (closest + 1e-9)
    return math.exp(log_precision) * (math.exp(1 - 1 / ratio) if ratio < 1 else 1.0)


def reference_cider(candidates, references, *, is_clipped):
    """CIDEr from its equations: TF-IDF vectors as dictionaries, a cosine per reference."""
    documents = Counter()
    for theirs in references:
        documents.update({g for r in theirs for n in range(1, 5) for g in grams_of(r, n)})

    def vector(words, n):
        return {
            gram: count * (math.log(len(references)) - math.log(max(documents[gram], 1)))
            for gram, count in grams_of(words, n).items()
        }

    scores = []
    for own, theirs in zip(candidates, references, strict=True):
        total = 0.0
        for reference in theirs:
            gap = max(len(own) - 1, 0) - max(len(reference) - 1, 0)
            for n in range(1, 5):
                one, other = vector(own, n), vector(reference, n)
                norm = math.hypot(*one.values()) * math.hypot(*other.values())
                dot = sum(
                    (min(one[g], other[g]) if is_clipped else one[g]) * other[g]
                    for g in one.keys() & other.keys()
                )
                penalty = math.exp(-(gap**2) / 72) if is_clipped else 1.0
                total += penalty * dot / norm / 4 if norm else 0.0
        scores.append(10 * total / len(theirs))
    return scores


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=0, max_size=9)
CORPORA = st.lists(
    st.tuples(WORDS, st.lists(WORDS.filter(bool), min_size=1, max_size=3)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(CORPORA)
def test_caption_measures_equal_their_definitions(corpus):
    candidates, references = [own for own, _ in corpus], [theirs for _, theirs in corpus]
    counted = count_captions(candidates, references)
    expected = [reference_bleu(candidates, references, n) for n in range(1, 5)]
    assert bleu(candidates, references) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    clipped = reference_cider(candidates, references, is_clipped=True)
    assert cider_d(counted).tolist() == pytest.approx(clipped, abs=1e-9)
    plain = reference_cider(candidates, references, is_clipped=False)
    assert cider(counted).tolist() == pytest.approx(plain, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(WORDS, WORDS)
def test_bit_parallel_common_subsequence_equals_the_table(first, second):
    assert longest_common_words(first, second) == longest_common(first, second)


def test_rouge_takes_best_recall_and_precision_apart():
    score = rouge_l(
        [["a", "b", "c", "d"]], [[["a", "b"], ["a", "b", "c", "d", "e", "f", "g", "h"]]]
    )[0]
    assert score == pytest.approx(1.0)
    alone = rouge_l([["a", "b", "c", "d"]], [[["a", "b"]]])[0]
    assert alone == pytest.approx((1 + 1.44) * 0.5 * 1.0 / (1.0 + 1.44 * 0.5))
    assert rouge_l([[]], [[["a", "b"]]])[0] == 0.0


def test_normalisations_differ_as_their_names_say():
    text = "A Tree-lined road, isn't it?"
    split = {name: " ".join(function(text)) for name, function in NORMALISATIONS.items()}
    assert split == {
        "plain": "a tree lined road isn t it",
        "joined": "a treelined road isnt it",
        "lower": "a tree-lined road, isn't it?",
        "raw": "A Tree-lined road, isn't it?",
    }


def test_a_constant_answer_never_beats_chance_in_balanced_measures():
    truth = np.array([True] * 95 + [False] * 5)
    assert balanced_accuracy(truth, truth) == 0.5  # always yes
    classes = ["a"] * 90 + ["b"] * 6 + ["c"] * 4
    matrix = count_classes(classes, ["a"] * 100, ["a", "b", "c"])
    assert uar(matrix) == pytest.approx(1 / 3)
    assert war(matrix) == 0.9


def test_perfect_predictions_score_one_and_unknown_classes_score_nothing():
    classes = ["a", "b", "b", "c"]
    sums = class_stats(classes, classes, ["a", "b", "c"]).sum(0, keepdims=True)
    assert recall_of(sums)[0] == macro_f1_of(sums)[0] == 1.0
    lost = class_stats(classes, [None, "x", "y", "z"], ["a", "b", "c"]).sum(0, keepdims=True)
    assert recall_of(lost)[0] == 0.0
    assert count_classes(classes, [None, "x", "b", "c"], ["a", "b", "c"])[:, -1].tolist() == [
        1, 1, 0,
    ]  # fmt: skip


def test_label_sets_without_labels_count_as_right_per_sample():
    truth = np.array([[True, False], [False, False]])
    said = np.array([[True, True], [False, False]])
    scores = multilabel_f1(truth, said)
    assert scores["micro_f1"] == pytest.approx(2 / 3)
    assert scores["sample_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["macro_f1"] == pytest.approx(0.5)


def test_auc_counts_pairs_in_order_and_ties_half():
    truth = np.array([True, False, True, False, False])
    scores = np.array([0.9, 0.1, 0.4, 0.4, 0.8])
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0 for a in scores[truth] for b in scores[~truth]
    ]
    assert auc(truth, scores) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(auc(np.array([True]), np.array([0.5])))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(120):
        values = rng.random(80) < 0.7
        found = bootstrap_interval(
            mean_stats(values.astype(float)), mean_of, num_resamples=300, seed=trial
        )
        covered += found.low <= 0.7 <= found.high
    assert 104 <= covered <= 120


def test_items_of_one_subject_are_drawn_together_and_widen_the_interval():
    values = np.repeat(np.random.default_rng(1).random(30) < 0.5, 20).astype(float)
    subjects = [n // 20 for n in range(600)]
    apart = bootstrap_interval(mean_stats(values), mean_of)
    together = bootstrap_interval(mean_stats(values), mean_of, subjects=subjects)
    assert apart.value == together.value
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_intervals_are_the_same_for_the_same_seed_and_nan_without_items():
    stats = mean_stats(np.arange(50.0))
    assert bootstrap_interval(stats, mean_of) == bootstrap_interval(stats, mean_of)
    assert bootstrap_interval(stats, mean_of) != bootstrap_interval(stats, mean_of, seed=1)
    assert math.isnan(bootstrap_interval(np.zeros((0, 2)), mean_of).value)


def test_one_subject_tells_nothing_of_others():
    stats = mean_stats(np.array([1.0, 1.0, 0.0]))
    value, *ends = bootstrap_interval(stats, mean_of, subjects=["a"] * 3)
    assert value == pytest.approx(2 / 3)
    assert np.isnan(ends).all()
    value, *rest = compare_paired(stats, 0 * stats + [0, 1], mean_of, subjects=["a"] * 3)
    assert value == pytest.approx(2 / 3)
    assert np.isnan(rest).all()
    assert not np.isnan(bootstrap_interval(stats, mean_of, subjects=["a", "a", "b"])).any()


def test_a_paired_comparison_sees_what_two_intervals_hide():
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.5
    worse = rng.random(400) < 0.70
    better = worse | (rng.random(400) < 0.12)
    first, second = binary_stats(truth, better), binary_stats(truth, worse)
    gap = compare_paired(first, second, balanced_of)
    assert gap.low > 0
    assert gap.p_value < 0.05
    same = compare_paired(first, first, balanced_of)
    assert (same.value, same.p_value) == (0.0, 1.0)


def test_spans_are_paired_one_to_one_at_the_wanted_overlap():
    truth = [(0.0, 1.0), (2.0, 3.0)]
    assert count_spans([(0.1, 1.1), (0.0, 0.9), (5.0, 6.0)], truth) == (1, 2, 1)
    assert count_spans([], truth) == (0, 0, 2)
    assert count_spans([(0.0, 0.4)], truth) == (0, 1, 2)
    assert span_iou((0.0, 1.0), (0.5, 1.5)) == pytest.approx(1 / 3)
    # Greedy pairing by overlap would find one pair here.
    assert count_spans([(0.0, 1.2), (0.5, 1.9)], [(0.3, 1.4), (0.0, 0.9)], min_iou=0.5)[0] == 2


def test_assignment_equals_scipys():
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(0)
    for _ in range(60):
        worth = rng.random((rng.integers(1, 7), rng.integers(1, 7)))
        rows, columns = linear_sum_assignment(worth, maximize=True)
        ours = sum(worth[pair] for pair in assign(worth))
        assert ours == pytest.approx(worth[rows, columns].sum())


def test_order_agreement_is_one_for_the_same_order_alone():
    assert order_agreement("abc", "abc") == 1.0
    assert order_agreement("abc", "cba") == pytest.approx(1 / 3)
    assert order_agreement("", "") == 1.0


def test_upright_boxes_overlap_by_hand_and_rotated_ones_exactly():
    assert box_iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert box_iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0
    # A quarter turn of a wide box shares a square with itself unturned.
    assert box_iou((0, 0, 4, 2), (0, 0, 4, 2, 90)) == pytest.approx(4 / 12)
    # A square turned by 45 degrees shares an octagon with itself.
    octagon = 2 * (math.sqrt(2) - 1) * 4
    shared = overlap_boxes((0, 0, 2, 2), (0, 0, 2, 2, 45)).intersection
    assert shared == pytest.approx(octagon)
    corners = (0, 0, 2, 0, 2, 2, 0, 2)
    assert box_iou(corners, (2, 2, 0, 0)) == pytest.approx(1.0)
    assert box_iou(corners[:2] + corners[6:] + corners[4:6] + corners[2:4], corners) == 1.0
    with pytest.raises(ValueError, match="got 3"):
        box_iou((1, 2, 3), (0, 0, 1, 1))


def test_rotated_overlap_agrees_with_counting_points():
    rng = np.random.default_rng(0)
    points = rng.random((60_000, 2)) * 12 - 1
    for _ in range(4):
        one = (*rng.random(2) * 4, *(4 + rng.random(2) * 5), float(rng.integers(0, 180)))
        other = (*rng.random(2) * 4, *(4 + rng.random(2) * 5), float(rng.integers(0, 180)))
        inside = [holds(box, points) for box in (one, other)]
        counted = (inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum()
        assert box_iou(one, other) == pytest.approx(counted, abs=0.02)


def holds(box, points):
    x0, y0, x1, y1, degrees = box
    turn = math.radians(-degrees)
    moved = points - [(x0 + x1) / 2, (y0 + y1) / 2]
    x = moved[:, 0] * math.cos(turn) - moved[:, 1] * math.sin(turn)
    y = moved[:, 0] * math.sin(turn) + moved[:, 1] * math.cos(turn)
    return (abs(x) <= abs(x1 - x0) / 2) & (abs(y) <= abs(y1 - y0) / 2)


def test_boxes_are_paired_for_the_largest_sum():
    pairs = match_boxes([(0, 0, 2, 2), (0, 0, 2, 3)], [(0, 0, 2, 2), (9, 9, 10, 10)])
    assert [(i, j) for i, j, _ in pairs] == [(0, 0)]


def draw_box(rng):
    """Return a box as upright, turned, or corners in any order; now and then without an area."""
    x, y = rng.random(2) * 60
    upright = [x, y, *(np.array([x, y]) + rng.random(2) * (20 if rng.random() > 0.1 else 0))]
    form = rng.integers(3)
    if form == 0:
        return upright
    turned = [*upright, rng.uniform(-180, 180)]
    corners = polygon_from_box(turned)
    return [c for n in rng.permutation(len(corners)) for c in corners[n]] if form == 2 else turned


def test_boxes_far_apart_are_passed_over_and_nothing_else_changes(monkeypatch):
    rng = np.random.default_rng(0)
    sets = [[draw_box(rng) for _ in range(rng.integers(1, 9))] for _ in range(240)]
    pairs = list(zip(sets[::2], sets[1::2], strict=True))
    # Every pair cut exactly, as if none could be seen to lie apart.
    for said, truth in pairs:
        cut = [
            [overlap_polygons(polygon_from_box(one), polygon_from_box(other)) for other in truth]
            for one in said
        ]
        whole = [[overlap_boxes(one, other) for other in truth] for one in said]
        assert np.asarray(whole) == pytest.approx(np.asarray(cut), abs=1e-9)
        ious = np.array([[overlap.iou for overlap in row] for row in cut])
        best = [(i, j) for i, j in assign(ious) if ious[i, j] > 1e-12]
        found = match_boxes(said, truth)
        assert [(i, j) for i, j, overlap in found if overlap.iou > 1e-12] == best
    num_cut = 0

    def count(*polygons):
        nonlocal num_cut
        num_cut += 1
        return overlap_polygons(*polygons)

    monkeypatch.setattr(boxes, "overlap_polygons", count)
    for said, truth in pairs:
        match_boxes(said, truth)
    num_pairs = sum(len(said) * len(truth) for said, truth in pairs)
    assert 0 < num_cut < 0.3 * num_pairs


def test_corners_may_come_in_any_order_and_no_overlap_is_above_one():
    square, left = (0, 0, 10, 10), (0, 0, 5, 10)
    crossed = (0, 0, 10, 10, 10, 0, 0, 10)  # sides that cross: lobes of opposite sign
    assert box_iou(crossed, square) == pytest.approx(1)
    assert box_iou(crossed, left) == box_iou(left, crossed) == pytest.approx(0.5)
    rng = np.random.default_rng(1)
    for _ in range(200):
        one, other = ((rng.random(8) * 10).tolist() for _ in range(2))
        assert 0 <= box_iou(one, other) <= 1 + 1e-9


def test_a_point_shares_no_area_with_a_box_round_it():
    point, line, box = (5, 5, 5, 5, 30), (5, 2, 5, 8, 30), (0, 0, 10, 10)
    for thin in (point, line):
        assert overlap_boxes(box, thin) == overlap_boxes(thin, box) == pytest.approx((0, 100))


def test_events_are_judged_in_both_directions():
    def entails(known, event):
        return event in known  # whoever laughs out loud laughs, too

    score = score_events(["laughs out loud", "nods"], ["laughs", "blinks"], entails)
    assert (score.precision, score.recall, score.f1) == (0, 0.5, 0)
    score = score_events(["laughs", "nods"], ["laughs out loud", "blinks"], entails)
    assert (score.precision, score.recall, score.f1, score.order) == (0.5, 0, 0, 0.5)
    score = score_events(["smiles", "nods"], ["smiles", "blinks", "winks"], entails)
    assert (score.precision, score.recall) == (1 / 2, 1 / 3)
    assert score.f1 == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert score_events([], ["a"], entails) == (0, 0, 0, 0)
    assert score_events(["a"], [], entails) == (0, 0, 0, 0)
    assert score_events([], [], entails) == (1, 1, 1, 1)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_the_order_of_equal_events_is_their_longest_common_subsequence(first, second):
    score = score_events(first, second, lambda known, event: known == event)
    longest = max(len(first), len(second))
    assert score.order == (longest_common(first, second) / longest if longest else 1.0)
    assert (
        score.recall == score_events(second, first, lambda known, event: known == event).precision
    )


def test_events_in_turned_order_are_all_there_and_out_of_order():
    forward = np.eye(3, dtype=bool)[::-1].copy()
    score = score_entailed(forward, forward.T)
    assert (score.precision, score.recall, score.order) == (1, 1, 1 / 3)
    # An event that entails two of the others stands for one of them in the order.
    both = np.array([[True, True]])
    assert score_entailed(both, both.T).order == 1 / 2
