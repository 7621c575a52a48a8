"""The measures behind the quality tables, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.codes import cifar, learning, protocols
from benchmarks.quality import colours, everyday, heads
from benchmarks.quality.products import chance, precisions
from benchmarks.quality.wordnet import distances, hierarchical_precision
from devise.vectors import unit

NOUNS = """  1 a licence line
00000001 03 n 01 entity 0 000 | all
00000002 03 n 01 animal 0 001 @ 00000001 n 0000 | lives
00000003 03 n 02 cat 0 true_cat 0 002 @ 00000002 n 0000 ~ 00000004 n 0000 | purrs
00000004 03 n 01 kitten 0 001 @ 00000003 n 0000 | small
00000005 03 n 01 dog 0 001 @ 00000002 n 0000 | barks
00000006 03 n 01 chair 0 001 @i 00000001 n 0000 | stands
"""


def test_distances_are_edges_through_what_both_are_a_kind_of(tmp_path):
    (tmp_path / "data.noun").write_text(NOUNS)
    found = distances(["n00000003", "n00000004", "n00000005", "n00000006"], tmp_path)
    assert found.tolist() == [[0, 1, 2, 3], [1, 0, 3, 4], [2, 3, 0, 3], [3, 4, 3, 0]]


def test_hierarchical_precision_counts_the_ball_around_the_right_label():
    apart = np.array([[0, 1, 2, 9], [1, 0, 3, 9], [2, 3, 0, 9], [9, 9, 9, 0]])
    order = np.array([[1, 3, 0, 2]])
    assert hierarchical_precision(order, np.array([0]), apart, 1) == 0  # only the label itself is right
    assert hierarchical_precision(order, np.array([0]), apart, 2) == 0.5  # labels 0 and 1
    assert hierarchical_precision(order, np.array([0]), apart, 3) == pytest.approx(2 / 3)
    assert hierarchical_precision(order, np.array([3]), apart, 2) == 1  # the ball of 3 has to grow to all labels


def test_convex_combination_lies_between_the_likely_classes():
    seen, wanted = unit([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), unit([[1, 1, 0], [0, 0, 1], [1, 0, 0]])
    scores = heads.convex(np.array([[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]], np.float32), seen, wanted, best=2)
    assert scores.argmax(1).tolist() == [0, 1]
    assert scores[0, 0] == pytest.approx(1)


def test_precision_and_its_chance():
    rows = unit([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    kind = np.array(["a", "a", "b", "b"])
    assert chance(kind) == pytest.approx(1 / 3)
    assert precisions(np.tile(rows, (6, 1)), [np.tile(kind, 6)]) == [1.0]


@pytest.mark.parametrize("loss", ["sigmoid", "cosine"])
def test_a_head_and_its_control_learn(loss):
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 300)
    features = (np.abs(random.normal(size=(3, 40)))[classes] + 0.1 * random.random((300, 40))).astype(np.float16)
    lessons = heads.Lessons.of(features, classes, 3)
    targets = unit(random.normal(size=(3, 8)))
    head = heads.trained(lessons, targets, loss, seed=0, epochs=20, batch=16)
    assert (heads.scores(head, lessons.features, targets).argmax(1) == classes).mean() > 0.9
    classify = heads.softmax(lessons, seed=0, epochs=20, batch=16)
    assert (classify(lessons.features).argmax(1).numpy() == classes).mean() > 0.9
    assert torch.allclose(classify(lessons.features).exp().sum(1), torch.ones(300), atol=1e-5)


def test_a_word_that_one_caption_says_is_left_out_of_its_ranking():
    counts = np.array([[3], [1], [0], [2]])
    asked = everyday.Everyday(["a", "b", "c", "d"], ["dog"], counts, [([0], 0), ([0], 3)])
    scores = np.array([[0.9], [0.8], [0.7], [0.6]], np.float32)
    (word, shown, precision, _), = everyday.each(asked, scores)  # fmt: skip
    assert (word, shown) == ("dog", 2)
    assert precision == pytest.approx((1 + 2 / 3) / 2)
    assert everyday.recalls(asked, scores) == [50, 100, 100]
    part = asked.part(np.array([3, 2]))
    assert part.names == ["d", "c"]
    assert part.captions == [([0], 0)]


def test_colours_are_asked_by_plain_words():
    rows = [{"baseColour": "Navy Blue", "articleType": "Casual Shoes"}] * 3
    rows += [{"baseColour": "Blue", "articleType": "Sports Shoes"}, {"baseColour": "NA", "articleType": "Belts"}]
    (one,) = colours.asked(rows)
    assert (one.colour, one.kind, one.truth.tolist()) == ("blue", "shoe", [True] * 4 + [False])


def test_codes_are_judged_by_both_definitions():
    found = protocols.precisions(np.array([1, 0, 1, 0, 1, 1], bool), at=3)
    assert found.whole == pytest.approx((1 + 2 / 3 + 3 / 5 + 4 / 6) / 4)
    assert found.found == pytest.approx((1 + 2 / 3) / 2)  # of those among the first three
    assert found.of_all == pytest.approx((1 + 2 / 3) / 3)  # of three that could be
    assert protocols.precisions(np.array([0, 0, 0, 0, 0, 1], bool), at=3) == (pytest.approx(1 / 6), 0, 0)
    assert protocols.precisions(np.zeros(6, bool), at=3) == (0, 0, 0)


def some_protocol() -> protocols.Protocol:
    return protocols.Protocol("", "", "", np.arange(0, 200, 9), np.arange(200), np.arange(200))


def test_codes_without_labels_keep_neighbours():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 50)
    rows = (random.normal(size=(4, 20))[labels] + 0.3 * random.normal(size=(200, 20))).astype(np.float32)
    protocol = some_protocol()
    for made in (protocols.lsh(rows, protocol.learnt, 16), protocols.itq(rows, protocol.learnt, 16)):
        assert set(np.unique(made)) == {-1, 1}
        assert protocols.judged(protocols.by_codes(made, protocol), labels, protocol).whole > 0.8  # 0.25 by chance


def test_each_query_has_the_whole_base_in_the_order_of_the_bits_that_differ():
    codes = np.where(np.random.default_rng(1).random((200, 6)) > 0.5, 1, -1).astype(np.float32)  # queries share codes
    protocol = some_protocol()
    orders = dict(protocols.by_codes(codes, protocol))
    assert sorted(orders) == protocol.queries.tolist()
    for query, order in orders.items():
        assert order.tolist() == np.argsort((codes != codes[query]).sum(1), kind="stable").tolist()


def test_queries_without_an_answer_are_noticed():
    protocol = some_protocol()
    with pytest.raises(ValueError, match="1 of 23 queries"):
        protocols.judged(iter([(0, np.arange(200))]), np.zeros(200, np.int64), protocol)


def test_a_network_begins_with_whitened_patches_and_learns(tmp_path):
    random = np.random.default_rng(0)
    labels = np.concatenate([np.repeat(np.arange(10), 5_000), np.repeat(np.arange(10), 1_000)])
    kinds = random.integers(0, 256, (10, 4, 4, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    photos = cifar.Cifar(kinds[labels], labels, tuple("abcdefghij"))
    course = learning.Course(name="a", begin="", photos=100, epochs=2, rate=0.12, batch=50)
    learning.learn(photos, course, tmp_path)
    network, first = learning.trained(course, tmp_path), learning.begun(course, photos.pixels[::3000])
    assert torch.equal(network.backbone.features[0].weight[:12], -network.backbone.features[0].weight[12:])
    assert not torch.equal(network.backbone.features[3].weight, first.backbone.features[3].weight)
    assert learning.features(network, photos.pixels[:3]).shape == (3, 256)
