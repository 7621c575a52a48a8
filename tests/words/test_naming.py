"""What a person would call it: general before special, one name a thing."""

from __future__ import annotations

import pytest

from devise.results import WordMatch
from devise.words.naming import BROAD, Named

DOGS = {"dog": ("animal",), "beagle": ("animal", "dog"), "poodle": ("animal", "dog"), "cat": ("animal",)}
NAMED = Named(DOGS, {"hound": "dog", "couch": "sofa"})


def said(probabilities: dict[str, float], named: Named = NAMED) -> dict[str, float]:
    matches = [WordMatch(word, p - 0.5, p) for word, p in probabilities.items()]
    return {match.word: match.worth for match in named.of(matches, 0.5, 0.8)}


@pytest.mark.parametrize(
    ("probabilities", "names"),
    [
        pytest.param({"beagle": 0.9, "dog": 0.3, "animal": 0.6}, ["dog", "beagle"], id="a sure breed after its kind"),
        pytest.param({"beagle": 0.7, "dog": 0.3}, ["dog"], id="an unsure breed is its kind"),
        pytest.param({"beagle": 0.9, "poodle": 0.85, "dog": 0.3}, ["dog"], id="two likely breeds are neither"),
        pytest.param({"animal": 0.6, "dog": 0.4}, ["animal"], id="a broad name where nothing more is known"),
        pytest.param({"beagle": 0.6}, ["beagle"], id="a kind that the vocabulary lacks"),
        pytest.param({"cat": 0.7, "dog": 0.6, "animal": 0.9}, ["cat", "dog"], id="two animals"),
        pytest.param({"couch": 0.7, "sofa": 0.6}, ["sofa"], id="the usual name"),
        pytest.param({"couch": 0.7}, ["couch"], id="the only name"),
        pytest.param({"hound": 0.7, "beagle": 0.4}, ["hound"], id="another name of a kind"),
        pytest.param({"table": 0.4}, [], id="nothing is likely"),
    ],
)  # fmt: skip
def test_names(probabilities, names):
    assert list(said(probabilities)) == names


def test_the_best_probability_of_a_thing_counts():
    assert said({"couch": 0.7, "sofa": 0.6}) == {"sofa": 0.7}
    assert said({"beagle": 0.9, "dog": 0.3}) == {"dog": 0.9, "beagle": 0.9}


def test_contests_have_to_be_sure_unless_a_model_is_for_them():
    named = Named.shipped()
    every_day = named.for_vocabulary(
        ["cow", "grass", "dog", "cat", "bull riding", "horse racing", "person", "tree", "sky"]
    )
    assert list(said({"cow": 0.9, "bull riding": 0.7}, every_day)) == ["cow"]
    assert list(said({"cow": 0.9, "bull riding": 0.85}, every_day)) == ["cow", "bull riding"]
    of_contests = named.for_vocabulary(["bull riding", "horse racing", "polo"])
    assert list(said({"cow": 0.9, "bull riding": 0.7}, of_contests)) == ["cow", "bull riding"]


def test_what_ships_knows_the_article_s_animals():
    names = said({"siamese cat": 0.62, "tabby cat": 0.6, "house cat": 0.55, "cat": 0.5, "animal": 0.9}, Named.shipped())
    assert names == {"cat": 0.62}


def test_kinds_that_ship_have_no_circle():
    kinds = Named.shipped().kinds
    assert all(word not in kinds[word] and word not in kinds.get(kind, ()) for word in kinds for kind in kinds[word])
    assert not BROAD & {word for word in kinds if set(kinds[word]) & BROAD == set(kinds[word]) and word in ("animal",)}


def test_usual_names_are_usual():
    """A usual name has no other that is more usual."""
    usual = Named.shipped().usual
    assert not set(usual.values()) & set(usual)


def test_the_file_is_what_the_recipe_makes():
    from recipes import kinds

    assert "".join("\t".join([w, *sorted(k)]) + "\n" for w, k in sorted(kinds.made().items())) == kinds.OUT.read_text()
