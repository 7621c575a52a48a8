"""Queries as people type them, and how each is read: a table, by the word vectors that ship."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devise.errors import DeviseError, WordError
from devise.search.interpret import Options, Request, Sources, interpret
from devise.words import WordVectors
from devise.words.aliases import aliases, put_alias, remove_alias
from devise.words.queries import Reading, read
from devise.words.understanding import understood

_LEARNT = (
    "dog cat car person people horse bicycle bike beach grass snow water tree boat bird sofa bottle red blue green "
    "black white pink brown yellow orange man woman men women girl boy child street night shirt shoe hat dress guitar "
    "mountain lake ball train glass wave"
)
LEARNT = frozenset([*_LEARNT.split(), "golden retriever", "german shepherd"])
TEXTS = {"zugspitze": 3, "2019": 4, "img_1234": 1}  # words of names and captions: in how many photos

# query => what is to be seen; (either | or); text: to be read in names and captions; ! the beginning of an error
TABLE = r"""
dog on grass  =>  dog, grass
red car  =>  red, car
children at the beach  =>  child, beach
two people on a bike  =>  people, bike
birthday cake  =>  birthday cake
my cat sleeping  =>  cat, sleeping
night city  =>  night, city
document  =>  document
food  =>  food
sunset  =>  sunset
bycicle  =>  bicycle
dogs  =>  dog
dog or cat  =>  (dog | cat)
cat without dog  =>  cat, -dog
dogs -cat  =>  dog, -cat
3 cats  =>  cat
t-shirt  =>  tshirt
T-Shirt  =>  TShirt
café  =>  cafe
man with guitar  =>  man, guitar
snow  =>  snow
girl in a pink dress  =>  girl, pink, dress
boat on a lake  =>  boat, lake
black dog running  =>  black, dog, running
street at night  =>  street, night
horse -person  =>  horse, -person
DOG  =>  DOG
Dog On Grass  =>  Dog, Grass
cat & dog  =>  cat, dog
cat and dog  =>  cat, dog
cat&dog  =>  cat, dog
cat+dog  =>  cat, dog
cat + dog  =>  cat, dog
cat, dog  =>  cat, dog
cat; dog  =>  cat, dog
cat/dog  =>  (cat | dog)
dog | cat  =>  (dog | cat)
dog|cat  =>  (dog | cat)
dog and/or cat  =>  (dog | cat)
either dog or cat  =>  (dog | cat)
dog or cat or horse  =>  (dog | cat | horse)
dog or cat on grass  =>  (dog | cat), grass
black dog or white cat  =>  (black + dog | white + cat)
red car or blue boat on a lake  =>  (red + car | blue + boat), lake
girl with a hat or a guitar  =>  girl, (hat | guitar)
"red ball" or cat  =>  (red ball | cat)
dog or "red ball"  =>  (dog | red ball)
dog or -cat  =>  dog, -cat
or dog  =>  dog
dog or  =>  dog
dog not cat  =>  dog, -cat
dog but not cat  =>  dog, -cat
dog but no cat  =>  dog, -cat
dog, no cat  =>  dog, -cat
beach no people  =>  beach, -people
beach without any people  =>  beach, -people
beach without people or dogs  =>  beach, -people, -dog
people except children  =>  people, -child
people except for children  =>  people, -child
animals other than dogs  =>  animals, -dog
snow instead of grass  =>  snow, -grass
street excluding cars  =>  street, -car
no people on the beach  =>  beach, -people
no people  =>  -people
not a dog  =>  -dog
neither dog nor cat  =>  -dog, -cat
cat without  =>  cat
girl without a red hat  =>  girl, -red hat
girl without a hat on a horse  =>  girl, horse, -hat
cat without "golden retriever"  =>  cat, -golden retriever
without dogs, cats  =>  cat, -dog
dog w/o grass  =>  dog, -grass
dog w/ hat  =>  dog, hat
cat w/o  =>  cat
forget me not  =>  forget
nothing  =>  nothing
#cat  =>  cat
@ cat  =>  ! nothing follows "@"
cat*  =>  cat
cat!  =>  cat
cat?  =>  cat
(cat)  =>  cat
[cat]  =>  cat
...cat...  =>  cat
~cat~  =>  cat
_cat_  =>  cat
cat: dog  =>  cat, dog
'cat'  =>  cat
'red ball'  =>  red ball
“red ball”  =>  red ball
„red ball“  =>  red ball
«red ball»  =>  red ball
「red ball」  =>  red ball
‘red ball’  =>  red ball
“cat  =>  cat
5" pizza  =>  pizza
"cat  =>  cat
"red ball" "cat  =>  red ball, cat
dog "red ball  =>  dog, red, ball
@"my dog.jpg  =>  ! a quote is not closed in @"my dog.jpg
dog’s  =>  dog
dog's  =>  dog
dogs'  =>  dog
children’s  =>  child
man's hat  =>  man, hat
naïve  =>  naive
ÉLÉPHANT  =>  ELEPHANT
x-ray  =>  ! no word vector for "x-ray"
golden retriever  =>  golden retriever
golden retrievers  =>  golden retriever
Golden_Retrievers  =>  golden_retriever
golden-retriever  =>  golden-retriever
German Shepherds  =>  german shepherd
women  =>  women
men  =>  men
birds and trees  =>  bird, tree
glasses  =>  glasses
bus  =>  bus
grass  =>  grass
iphone 12  =>  iphone
1,000 cats  =>  cat
2nd dog  =>  dog
3x cat  =>  cat
cats 3  =>  cat
three cats  =>  cat
a couple of dogs  =>  dog
both dogs  =>  dog
2019  =>  text:2019
2019 beach  =>  beach, text:2019
zugspitze  =>  text:zugspitze
zugspitze snow  =>  snow, text:zugspitze
-zugspitze snow  =>  snow, -text:zugspitze
IMG_1234  =>  text:IMG_1234
IMG_2041  =>  ! no word vector for "IMG_2041"
dog –cat  =>  dog, -cat
dog − cat  =>  dog, cat
dog – beach  =>  dog, beach
dog — beach  =>  dog, beach
dog -- beach  =>  dog, beach
dog--beach  =>  dog--beach
t–shirt  =>  tshirt
🐶  =>  dog
🐕 on grass  =>  dog, grass
🌊 dog  =>  water, wave, dog
👍🏽 dog  =>  thumbs, up, sign, dog
:) dog  =>  dog
photos of dogs  =>  dog
Photo of a cat  =>  cat
show me pictures of a red car  =>  red, car
find my photos of snow  =>  snow
looking for dogs  =>  dog
a picture with a boat  =>  boat
ｃａｔ  =>  cat
cat　dog  =>  cat, dog
cat、dog  =>  cat, dog
perro  =>  ! no word vector for "perro" (did you mean
wasser  =>  ! no word vector for "wasser"
strada  =>  ! no word vector for "strada"
katze  =>  ! no word vector for "katze"
moutain  =>  mountain
tabel  =>  table
umbrela  =>  umbrella
elephent  =>  elephant
motorcicle  =>  motorcycle
accomodation  =>  accommodation
sandwhich  =>  sandwich
hund  =>  ! no word vector for "hund"
Katze  =>  ! no word vector for "Katze"
собака  =>  ! no word vector for "собака"
犬  =>  ! no word vector for "犬"
كلب  =>  ! no word vector for "كلب"
qqqqqq  =>  ! no word vector for "qqqqqq"
dog qqqqqq  =>  ! no word vector for "qqqqqq"
2:beach 0.5:sunset  =>  2:beach, 0.5:sunset
-2:cat dog  =>  -2:cat, dog
dog -"polar bear"  =>  dog, -polar bear
2: cat  =>  ! nothing follows "2:"
cat -  =>  ! nothing follows the "-" at the end of the query
it is what it is  =>  what
12:30 beach  =>  beach
who is that dog  =>  dog
I want a cat  =>  cat
http://example.com/cat  =>  ! no word vector for "http://example.com/cat"
Hund  =>  ! no word vector for "Hund"
football  =>  football
#c03020 dress  =>  red, dress
#FFF shirt -#000  =>  white, shirt, -black
#cafe  =>  cafe
#bee  =>  bee
#a0d0f0 water  =>  blue, water
mostly blue  =>  blue
white shirt  =>  white, shirt
red shoe  =>  red, shoe
hiking in the mountains  =>  hiking, mountain
sleeping cats  =>  sleeping, cat
waves  =>  wave
niño  =>  nino
"""
ROWS = [tuple(line.split("  =>  ")) for line in TABLE.strip("\n").split("\n")]


@pytest.fixture(scope="module", params=["visual", "minilm"])
def shipped(request: pytest.FixtureRequest) -> WordVectors:
    return WordVectors.open(request.param)


def reading(vectors: WordVectors, query: str) -> Reading:
    items, notes = understood(query, lambda word: word in vectors)
    found = read(vectors, items, None, lambda word: TEXTS.get(word.lower(), 0), LEARNT)
    return found._replace(notes=(*notes, *found.notes))


def shown(found: Reading) -> str:
    """In one line, with what a word is read as in its place."""
    others = {note.data["asked"]: note.data["read"] for note in found.notes if note.kind == "read_as"}
    parts: dict[object, list[list[str]]] = {}
    for at, term in enumerate(found.terms):
        weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
        text = f"{'-' if term.weight < 0 else ''}{weight}{others.get(term.text, term.text)}"
        group, side = term.clause or (("alone", at), 0)
        sides = parts.setdefault(group, [])
        sides += [[] for _ in range(side + 1 - len(sides))]
        sides[side].append(text)
    terms = [f"({' | '.join(map(' + '.join, sides))})" if len(sides) > 1 else sides[0][0] for sides in parts.values()]
    return ", ".join([*terms, *(f"{'' if word.is_wanted else '-'}text:{word.text}" for word in found.text_words)])


@pytest.mark.parametrize(("query", "expected"), ROWS)
def test_how_queries_are_read(shipped: WordVectors, query: str, expected: str) -> None:
    if expected.startswith("! "):
        with pytest.raises(WordError) as caught:
            reading(shipped, query)
        assert str(caught.value).startswith(expected[2:])
    else:
        assert shown(reading(shipped, query)) == expected


def test_the_table_is_long_enough() -> None:
    assert len({query for query, _ in ROWS}) == len(ROWS) >= 150


@pytest.mark.parametrize(
    ("query", "kinds", "text"),
    [
        ("sofa cat", [], ""),
        ("bycicle", ["read_as"], '"bycicle" is read as "bicycle"'),
        ("dogs", ["read_as"], '"dogs" is read as "dog", which the model has learnt'),
        ("3 cats", ["read_as", "left_out"], 'left out, as numbers are not seen in photos: "3"'),
        ("cat without dog", ["without"], "pushed away: dog"),
        ("dog or cat", ["either"], "either will do: dog, cat"),
        ("🐶", ["read_as"], "🐶 is read as dog"),
        ('"cat', ["quote"], "a quote is not closed, and left out"),
    ],
)
def test_what_was_put_otherwise_is_a_note(shipped: WordVectors, query: str, kinds: list[str], text: str) -> None:
    notes = reading(shipped, query).notes
    assert [note.kind for note in notes] == kinds
    assert text in "; ".join(note.text for note in notes)


def test_other_languages_are_told_what_queries_are(shipped: WordVectors) -> None:
    for query in ("Hund", "собака", "犬"):
        with pytest.raises(WordError, match=f"queries are English words; your own: devise words alias {query} MEANING"):
            reading(shipped, query)
    with pytest.raises(WordError, match="nor is it in names or captions; ask for what the photo shows"):
        reading(shipped, "IMG_2041")


def test_the_nearest_five_where_none_is_clear(shipped: WordVectors) -> None:
    with pytest.raises(WordError) as caught:
        reading(shipped, "hund")
    assert len(caught.value.hints["hund"]) == 5
    assert all(f'"{hint}"' in str(caught.value) for hint in caught.value.hints["hund"])


def test_words_of_ones_own(shipped: WordVectors) -> None:
    put_alias("Hund", "dog")
    put_alias("rex", "brown dog")
    put_alias("my dog", "rex")
    put_alias("犬", "dog")
    assert aliases() == {"hund": "dog", "rex": "brown dog", "my dog": "rex", "犬": "dog"}
    assert shown(reading(shipped, "Hund on grass")) == "dog, grass"
    assert shown(reading(shipped, "HUND, 犬")) == "dog, dog"
    assert shown(reading(shipped, "rex in snow")) == "brown, dog, snow"
    assert shown(reading(shipped, "snow without rex")) == "snow, -brown dog"
    assert shown(reading(shipped, "2:rex")) == "2:brown dog"
    assert [note.text for note in reading(shipped, "hund").notes] == ['"hund" stands for "dog"']
    assert [term.text for term in shipped.terms("hund")] == ["dog"]
    assert remove_alias("HUND") == "dog"
    with pytest.raises(WordError, match="no word vector"):
        reading(shipped, "hund")
    with pytest.raises(WordError, match='"hund" is no word of your own; there are: "my dog", "rex"'):
        remove_alias("hund")


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("", "dog"), ("-", "dog"), ("dog", "dog"), ("-hund", "dog"), ("hund", ""), ("hund", '"a b"'), ("2:x", "dog")],
)
def test_what_is_no_word_of_ones_own(word: str, meaning: str) -> None:
    with pytest.raises(WordError):
        put_alias(word, meaning)
    assert aliases() == {}


_WORDS = "dog cat or and not without no with on except a the 3 two & | / w/o dogs bycicle hund 🐶 犬 café x-ray"
WORDS = st.sampled_from(
    [*_WORDS.split(), *'"“”‘«,;:-–—+@*#?', "2:", "-2:", "@x.jpg", "'s", "\udcff", "\x00", "photos of", "--"]
)  # fmt: skip


@settings(deadline=None)  # of a busy machine
@given(st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join), st.lists(WORDS, max_size=8).map("".join)))
def test_any_text_is_a_request_or_an_error(shipped: WordVectors, query: str) -> None:
    sources = Sources(
        words=lambda: shipped,
        photo=lambda photo: shipped.vector("photo"),
        num_photos=lambda quoted: 0,
        class_weights=lambda name: pytest.fail("no class was asked for"),
        learnt=lambda: LEARNT,
    )
    try:
        request = interpret(query, Options(), sources)
    except DeviseError:
        return
    assert isinstance(request, Request)
    assert request.terms
    assert all(note.text and "\n" not in note.text for note in request.notes)
