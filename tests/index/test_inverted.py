"""Posting lists against dense products and tf-idf in a few lines of numpy; what they promise like every index is asked
in test_index_contract.py."""

from __future__ import annotations

import numpy as np
import pytest

from devise.index.inverted import InvertedIndex, Sparse

NUM, DIM = 200, 50


@pytest.fixture
def rows() -> np.ndarray:
    random = np.random.default_rng(0)
    return ((random.random((NUM, DIM)) < 0.1) * random.integers(1, 5, (NUM, DIM))).astype(np.float32)


@pytest.fixture
def ids() -> np.ndarray:
    return np.arange(NUM) * 3 + 1


def test_sparse_rows_are_the_dense_ones(rows: np.ndarray, ids: np.ndarray) -> None:
    some = Sparse.of(rows)
    back = np.zeros_like(rows)
    back[some.rows_of(), some.dims] = some.values
    np.testing.assert_array_equal(back, rows)
    dense, sparse = InvertedIndex(DIM), InvertedIndex(DIM)
    dense.add(ids, rows)
    sparse.add(ids[:90], Sparse.of(rows[:90]))
    sparse.add(ids[90:], Sparse.of(rows[90:]))
    for one, other in zip(dense.search(rows[:9], 20), sparse.search(Sparse.of(rows[:9]), 20), strict=True):
        assert one.ids.tolist() == other.ids.tolist()
    assert dense.num_postings == np.count_nonzero(rows)
    assert 8 * dense.num_postings < dense.nbytes < 8 * dense.num_postings + 20 * NUM


def test_rare_dimensions_count_more(rows: np.ndarray, ids: np.ndarray) -> None:
    """tf-idf as Sivic and Zisserman, 2003: n_id / n_d * log(N / n_i), compared by the cosine."""
    index = InvertedIndex(DIM, is_tfidf=True)
    index.add(ids, rows)
    index.remove(ids[:50])
    left = rows[50:]
    weights = left * np.log((len(left) + 1) / np.maximum((left > 0).sum(0), 1))
    query = rows[0] * np.log((len(left) + 1) / np.maximum((left > 0).sum(0), 1))
    cosines = weights @ query / np.maximum(np.linalg.norm(weights, axis=1), 1e-12) / np.linalg.norm(query)
    (hits,) = index.search(rows[:1], 30)
    np.testing.assert_allclose(hits.scores, np.sort(cosines)[::-1][:30], atol=1e-5)
    np.testing.assert_allclose(cosines[np.searchsorted(ids[50:], hits.ids)], hits.scores, atol=1e-5)


def test_only_the_strongest_are_kept() -> None:
    some = Sparse.of(np.array([[1, -5, 3, 0], [0, 0, 2, 0]], np.float32), strongest=2)
    assert [part.tolist() for part in some] == [[0, 2, 3], [1, 2, 2], [-5, 3, 2]]
    index = InvertedIndex(4, strongest=1)
    index.add([1, 2], np.array([[1, -5, 3, 0], [0, 0, 2, 0]], np.float32))
    assert index.num_postings == 2


@pytest.mark.parametrize(
    ("starts", "dims", "values", "error"),
    [([0, 1], [4], [1], "below 4"), ([0, 1], [-1], [1], "below 4"), ([0, 1], [0], [np.nan], "finite"),
     ([0, 2], [1, 1], [1, 1], "only grow"), ([0, 2], [2, 1], [1, 1], "only grow"), ([0, 2], [1], [1], "finite")],
)  # fmt: skip
def test_what_is_no_sparse_row_is_refused(starts: list[int], dims: list[int], values: list[float], error: str) -> None:
    index = InvertedIndex(4)
    with pytest.raises(ValueError, match=error):
        index.add([1], Sparse(np.array(starts), np.array(dims, np.int32), np.array(values, np.float32)))
    index.add([1, 2, 3], Sparse.of(np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], np.float32)))
    assert index.search(np.eye(4, dtype=np.float32)[:1], 1)[0].ids.tolist() == [3]
