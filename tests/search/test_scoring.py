"""How scores of terms become one: against the formula written out, and what it promises."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devise.search.scoring import Scoring
from devise.search.shortlist import UNCERTAIN, Shortlist, in_turns
from devise.search.trust import trusted
from devise.spaces import Calibration, Space
from devise.words import WordVectors
from devise.words.grammar import QueryItem
from devise.words.queries import Term, read
from devise.words.understanding import understood

SPACE = Space(name="words", dim=2, calibration=Calibration(scale=30.0, bias=-9.0, photo_scale=12.0, photo_bias=-6.0))
UNKNOWN = Space(name="words", dim=2)
SCORES = st.floats(-1, 1, width=32)


def question(*weights: float, photos: tuple[int, ...] = (), average: bool = False) -> Scoring:
    vector = np.array([1, 0], np.float32)
    return Scoring.of([Term("", vector, (), weight, i in photos) for i, weight in enumerate(weights)], average)


def score(asked: Scoring, *cosines: float, space: Space = SPACE) -> float:
    return float(asked.scores(np.array(cosines, np.float32)[:, None], space)[0])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_term_keeps_its_cosine() -> None:
    assert score(question(2.0), 0.3) == pytest.approx(0.3)


def test_the_formula() -> None:
    """Weights 2 and 1 for what is wanted, 0.5 for what is not; the last one is a photo."""
    asked = question(2.0, -0.5, 1.0, photos=(2,))
    p, q, r = sigmoid(30 * 0.4 - 9), sigmoid(30 * 0.2 - 9), sigmoid(12 * 0.6 - 6)
    mean = (2 * math.log(p) + 0.5 * math.log(1 - q) + math.log(r)) / 3
    found = score(asked, 0.4, 0.2, 0.6)
    assert math.log(sigmoid(30 * found - 9)) == pytest.approx(mean, rel=1e-5)
    both = asked.probabilities(np.array([[0.4], [0.2], [0.6]], np.float32), SPACE)
    assert both == pytest.approx([p * (1 - q) * r])


def test_both_a_little_beats_one_alone() -> None:
    both, alone = (0.3, 0.3), (0.7, 0.05)
    assert score(question(1, 1), *both) > score(question(1, 1), *alone)
    assert score(question(1, 1, average=True), *both) < score(question(1, 1, average=True), *alone)


def test_what_is_absent_costs_nothing_when_it_is_pushed_away() -> None:
    assert score(question(1, -1), 0.4, -0.1) == pytest.approx(0.4, abs=1e-3)
    assert score(question(1, -1), 0.4, 0.5) < 0.3


def test_without_probabilities_the_weighted_mean_counts() -> None:
    assert score(question(2, -1), 0.4, 0.1, space=UNKNOWN) == pytest.approx((0.8 - 0.1) / 3)
    assert question(2, -1).probabilities(np.zeros((2, 1), np.float32), UNKNOWN) is None
    only_words = Space(name="words", dim=2, calibration=Calibration(scale=30.0, bias=-9.0))
    assert question(1, 1, photos=(0,)).probabilities(np.zeros((2, 1), np.float32), only_words) is None


def test_a_word_that_was_not_learnt_has_a_line_of_its_own() -> None:
    known = Calibration(scale=30.0, bias=-9.0, open_scale=20.0, open_bias=-6.0)
    space = Space(name="words", dim=2, calibration=known)
    terms = [Term("seen", np.array([1, 0], np.float32), is_learnt=True), Term("new", np.array([0.6, 0.8], np.float32))]
    both = Scoring.of(terms).terms(np.array([[0.4], [0.7]], np.float32), space)[0]
    assert [term.probability for term in both] == pytest.approx(
        [sigmoid(30 * 0.4 - 9), sigmoid(20 * 0.7 - 6)], rel=1e-5
    )
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


@given(st.lists(SCORES, min_size=2, max_size=5))
def test_the_soft_minimum_lies_between_minimum_and_mean(cosines: list[float]) -> None:
    found = score(question(*[1.0] * len(cosines)), *cosines)
    assert min(cosines) - 1e-3 <= found <= np.mean(cosines) + 1e-3


@given(st.lists(st.tuples(SCORES, st.sampled_from([-2.0, -1.0, 0.5, 3.0])), min_size=1, max_size=5), SCORES)
def test_more_of_what_is_wanted_never_lowers_a_photo(terms: list[tuple[float, float]], more: float) -> None:
    cosines, weights = [0.2, *(c for c, _ in terms)], [1.0, *(w for _, w in terms)]
    low, high = sorted([cosines[0], more])
    asked = question(*weights)
    assert score(asked, low, *cosines[1:]) <= score(asked, high, *cosines[1:]) + 1e-4
    assert math.isfinite(score(asked, *cosines))


def test_either_of_two_is_the_likelier_one() -> None:
    """(first and second) or third, and fourth, which weighs twice."""
    vector = np.array([1, 0], np.float32)
    clauses, weights = [(1, 0), (1, 0), (1, 1), None], [1.0, 1, 1, 2]
    asked = Scoring.of(
        [Term("", vector, (), weight, clause=clause) for clause, weight in zip(clauses, weights, strict=True)]
    )
    a, b, c, d = (sigmoid(30 * cosine - 9) for cosine in (0.4, 0.2, 0.3, 0.5))
    found = score(asked, 0.4, 0.2, 0.3, 0.5)
    best = max((math.log(a) + math.log(b)) / 2, math.log(c))
    assert math.log(sigmoid(30 * found - 9)) == pytest.approx((2 * best + 2 * math.log(d)) / 4, rel=1e-5)
    cosines = np.array([[0.4], [0.2], [0.3], [0.5]], np.float32)
    assert asked.probabilities(cosines, SPACE) == pytest.approx([max(a * b, c) * d])
    assert asked.default_min_probability(0.1) == 0.1
    assert score(asked, 0.4, 0.2, 0.3, 0.5, space=UNKNOWN) == pytest.approx((2 * 0.3 + 2 * 0.5) / 4)


def test_where_all_is_pushed_away() -> None:
    """The least like it is best: of one its cosine with a minus, of several a soft maximum of theirs with a minus."""
    assert score(question(-1), 0.3) == pytest.approx(-0.3, abs=1e-6)
    asked = question(-1, -1)
    assert -0.3 - 0.05 < score(asked, 0.3, -0.2) < -0.2
    p, q = sigmoid(30 * 0.3 - 9), sigmoid(30 * 0.1 - 9)
    assert asked.probabilities(np.array([[0.3], [0.1]], np.float32), SPACE) == pytest.approx([(1 - p) * (1 - q)])
    assert asked.default_min_probability(0.1) == 0.9
    np.testing.assert_array_equal(asked.toward, -asked.vectors)


def test_which_side_of_either_a_photo_shows() -> None:
    vector = np.array([1, 0], np.float32)
    clauses = [(1, 0), (1, 1), (2, 0), (2, 1), None]
    asked = Scoring.of([Term("", vector, clause=clause) for clause in clauses])
    cosines = np.array([[0.5, 0.1], [0.1, 0.5], [0.1, 0.5], [0.5, 0.1], [0.3, 0.3]], np.float32)
    assert asked.has_sides
    assert asked.sides(cosines, SPACE).tolist() == [1, 2]
    assert not question(1, 1).has_sides


def test_a_shortlist_takes_turns() -> None:
    short = Shortlist(2)
    short.add(np.array([1, 2, 3]), np.array([0.9, 0.8, 0.7]), np.array([0, 0, 0]))
    short.add(np.array([4, 5]), np.array([0.3, 0.6]), np.array([1, UNCERTAIN]))
    assert [(kind, ids.tolist()) for kind, ids, _ in short.kinds()] == [(0, [1, 2]), (1, [4]), (UNCERTAIN, [5])]
    assert short.num_certain == 3
    assert in_turns([[1, 2], [4]]) == [1, 4, 2]


def test_one_of_two_keeps_its_cosine() -> None:
    vector = np.array([1, 0], np.float32)
    asked = Scoring.of([Term("", vector, clause=(1, 0)), Term("", vector, clause=(1, 1))])
    assert score(asked, 0.3, -0.2) == pytest.approx(0.3, abs=1e-6)
    assert score(asked, -0.2, 0.3) == pytest.approx(0.3, abs=1e-6)


def trusting(*trust: float) -> Scoring:
    vector = np.array([1, 0], np.float32)
    return Scoring.of([Term("", vector, trust=one) for one in trust])


def test_what_is_not_trusted_puts_in_order_and_turns_nothing_away() -> None:
    asked = trusting(1.0, 0.1)
    sure, sleeping, other = (0.6, 0.0), (0.6, 0.1), (0.1, 0.4)
    assert score(asked, *sleeping) > score(asked, *sure) > score(asked, *other)
    cosines = np.array([[0.6], [0.0]], np.float32)
    likely = sigmoid(30 * 0.6 - 9) * sigmoid(-9) ** 0.1
    assert asked.probabilities(cosines, SPACE) == pytest.approx([likely])
    assert likely > asked.default_min_probability(0.1)


def test_trust_is_beside_the_most_trusted() -> None:
    """Where nothing was learnt, and of one term, all is as without."""
    for asked, plain in ((trusting(0.2, 0.2), question(1, 1)), (trusting(0.1), question(1))):
        cosines = (0.3, 0.1)[: len(asked.weights)]
        assert score(asked, *cosines) == pytest.approx(score(plain, *cosines))
        assert asked.default_min_probability(0.1) == plain.default_min_probability(0.1)


def test_trust_is_how_near_a_word_is_to_what_was_learnt() -> None:
    vectors = WordVectors.open("minilm")
    learnt = {"dog", "cat", "grass", "red"}

    def trust(query: str) -> list[float]:
        items, _ = understood(query, lambda word: word in vectors)
        return [term.trust for term in trusted(read(vectors, items, learnt=learnt).terms, vectors, learnt)]

    assert trust("dog cat") == [1.0, 1.0]
    assert trust("sleeping") == [1.0]  # alone
    dog, sleeping, puppy = trust("dog sleeping puppy")
    assert dog == 1
    assert 0.05 <= sleeping < 0.1 < puppy < 1
    assert trust('dog "red grass" -sleeping') == pytest.approx(
        [1, 1, 1]
    )  # a phrase of learnt words; what is pushed away
    assert [term.trust for term in trusted(read(vectors, [QueryItem("dog sleeping")]).terms, vectors, ())] == [1, 1]
