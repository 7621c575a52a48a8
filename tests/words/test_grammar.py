"""The grammar of queries: signs, weights, quotes, photos, and that any string gives a query or an error."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devise.errors import WordError
from devise.words.grammar import MAX_QUERY, WEIGHTS, QueryItem, parse


def plain(text: str) -> QueryItem:
    return QueryItem(text)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("sofa cat", [plain("sofa cat")]),
        ("sofa, cat; dog", [plain("sofa"), plain("cat"), plain("dog")]),
        ('"golden retriever" beach', [QueryItem("golden retriever", is_quoted=True), plain("beach")]),
        ('a"b c"d', [plain("a"), QueryItem("b c", is_quoted=True), plain("d")]),
        ("2:beach 0.5:sunset", [QueryItem("beach", 2), QueryItem("sunset", 0.5)]),
        (".5:sunset 1e1:sea 1:sky", [QueryItem("sunset", 0.5), QueryItem("sea", 10), plain("sky")]),
        ('2:"red ball"', [QueryItem("red ball", 2, is_quoted=True)]),
        ("dog -cat", [plain("dog"), QueryItem("cat", -1)]),
        ("dog - cat", [plain("dog"), QueryItem("cat", -1)]),
        ("red + wine +glass", [plain("red"), plain("wine"), plain("glass")]),
        ("dog -2:cat", [plain("dog"), QueryItem("cat", -2)]),
        ('dog -"polar bear" sea', [plain("dog"), QueryItem("polar bear", -1, is_quoted=True), plain("sea")]),
        ("red-dress.jpg + blue", [QueryItem("red-dress.jpg", is_photo=True), plain("blue")]),
        ('"my cat.JPG" 2:@"a b" @c -d.png', [QueryItem("my cat.JPG", is_photo=True), QueryItem("a b", 2, is_photo=True),
                                             QueryItem("c", is_photo=True), QueryItem("d.png", -1, is_photo=True)]),
        ("t-shirt a@b http://x 12:30", [plain("t-shirt a@b http://x"), QueryItem("30", 12)]),
        ('"" cat', [plain("cat")]),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_asked(query: str, asked: list[QueryItem]) -> None:
    assert parse(query) == asked


def test_a_path_is_a_photo_whatever_its_name() -> None:
    assert parse([Path("no suffix, -2:"), "-", Path('a"b.jpg'), "+ golden", "retriever"]) == [
        QueryItem("no suffix, -2:", is_photo=True),
        QueryItem('a"b.jpg', -1, is_photo=True),
        plain("golden retriever"),
    ]


def test_quotes_may_span_pieces() -> None:
    assert parse(['"golden', 'retriever"']) == [QueryItem("golden retriever", is_quoted=True)]


@pytest.mark.parametrize(
    ("query", "fact"),
    [
        ('"golden retriever', "quote is not closed"),
        ('"', "quote is not closed"),
        ("0:cat", "a weight is from"),
        ("inf:cat", "a weight is from"),
        ("nan:cat", "a weight is from"),
        ("1e999:cat", "a weight is from"),
        ("1e-9:cat", "a weight is from"),
        ("2: cat", 'nothing follows "2:"'),
        ("cat -", 'nothing follows the "-"'),
        ("cat @", 'nothing follows "@"'),
        ("cat --dog", "two signs"),
        ("cat - -dog", "two signs"),
        ('cat - ""', "nothing"),
        ('-"" cat', "nothing"),
        ("cat - , dog", "nothing stands between"),
        ("cat + - dog", "two signs"),
        ("2:-cat", "two signs"),
        ("x" * (MAX_QUERY + 1), "10,001 characters"),
    ],
)
def test_what_is_no_query(query: str, fact: str) -> None:
    with pytest.raises(WordError, match=fact):
        parse(query)


ALPHABET = st.sampled_from([*'abc "+-:@.,;019e', "jpg", "inf:", '"a b"', "\n", "é", "\udcff", "\x00"])


@given(st.one_of(st.text(), st.lists(ALPHABET).map("".join)))
def test_any_string_is_a_query_or_an_error(query: str) -> None:
    try:
        found = parse(query)
    except WordError:
        return
    for asked in found:
        assert asked.text.strip() == asked.text != ""
        assert WEIGHTS[0] <= abs(asked.weight) <= WEIGHTS[1]
        assert not (asked.is_photo and asked.is_quoted)


@given(st.lists(st.tuples(st.sampled_from(["dog", "cat", "red ball"]), st.sampled_from([-3.0, -0.5, 0.25, 2.0]))))
def test_what_is_written_is_read(terms: list[tuple[str, float]]) -> None:
    query = " ".join(f'{"-" if weight < 0 else ""}{abs(weight)}:"{text}"' for text, weight in terms)
    assert parse(query) == [QueryItem(text, weight, is_quoted=True) for text, weight in terms]
