"""The order of samples: pure in seed and position, weighted, complete in every epoch."""

from collections import Counter

import pytest

from lineament.errors import LineamentError
from lineament.training.stream import Order, Stream
from test_training_toys import ToySource


def test_every_example_comes_once_before_any_comes_again():
    order = Order([7], [1.0], 21, seed=3)
    places = [order.place(i) for i in range(21)]
    for epoch in range(3):
        rows = places[7 * epoch : 7 * epoch + 7]
        assert sorted(place.index for place in rows) == list(range(7))
        assert {place.epoch for place in rows} == {epoch}
    assert [p.index for p in places[:7]] != [p.index for p in places[7:14]]


def test_any_position_is_found_alone_and_the_same_again():
    lengths, weights = [5, 9], [1.0, 2.0]
    whole = [Order(lengths, weights, 60, seed=1).place(i) for i in range(60)]
    assert Order(lengths, weights, 60, seed=1).place(47) == whole[47]
    assert [Order(lengths, weights, 60, seed=2).place(i) for i in range(60)] != whole


def test_sources_are_mixed_by_their_weights():
    order = Order([10, 10, 10], [1.0, 3.0, 6.0], 5000, seed=0)
    counts = Counter(order.place(i).source for i in range(5000))
    for source, share in enumerate((0.1, 0.3, 0.6)):
        assert counts[source] / 5000 == pytest.approx(share, abs=0.03)


def test_a_bad_sample_is_replaced_by_the_next_and_named():
    stream = Stream([ToySource(4, bad=(0, 1))], Order([4], [1.0], 4, seed=0), lambda e: e.id)
    drawn = [stream[i] for i in range(4)]
    assert {d.encoded for d in drawn} == {"toy 2", "toy 3"}
    assert sum(len(d.skipped) for d in drawn) == 3
    assert ("example 1", "toy 1 is broken") in [note for d in drawn for note in d.skipped]


def test_a_source_of_nothing_but_bad_samples_is_an_error():
    stream = Stream([ToySource(2, bad=(0, 1))], Order([2], [1.0], 4, seed=0), lambda e: e)
    with pytest.raises(LineamentError, match="20 examples in a row"):
        stream[0]
