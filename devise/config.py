"""Every default once, with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """Where what ships stands: `embeddings` or `checkpoints`, beside the package in a clone, inside it in a wheel."""
    inside = PACKAGE / kind
    return inside if inside.is_dir() else PACKAGE.parent / kind


def user_data() -> Path:
    """The user's own libraries, vectors and checkpoints (XDG_DATA_HOME and its like are honoured)."""
    return Path(platformdirs.user_data_dir("devise", appauthor=False))


def user_cache() -> Path:
    """What can be deleted at any time and is made again: cached features, graphs of word vectors."""
    return Path(platformdirs.user_cache_dir("devise", appauthor=False))


def own_folder(kind: str) -> Path:
    """Where the user's own `embeddings` or `checkpoints` are written.

    DEVISE_EMBEDDINGS or DEVISE_CHECKPOINTS, else the folder of a clone, else the user's data folder.
    """
    named = os.environ.get(f"DEVISE_{kind.upper()}")
    if named:
        return Path(named)
    clone = PACKAGE.parent / kind
    return clone if clone.is_dir() and (PACKAGE.parent / "pyproject.toml").exists() else user_data() / kind


def default_library() -> Path:
    """DEVISE_LIBRARY, or `library` in the user's data folder."""
    named = os.environ.get("DEVISE_LIBRARY")
    return Path(named) if named else user_data() / "library"


SHIPPED_MODEL = "slim"  # the checkpoint that ships: checkpoints/slim.safetensors
SHIPPED_VECTORS = "minilm"  # the word vectors that ship: embeddings/minilm.safetensors

# Photos
_SUFFIXES = """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .gif .webp .avif .bmp .dib .tif .tiff .jp2 .j2k .jpf .jpx
    .ppm .pgm .pbm .pnm .psd .sgi .pcx .qoi .heic .heif .hif
"""
PHOTO_SUFFIXES = frozenset(_SUFFIXES.split())  # of files that can be read; what ends so in a query is a photo
MAX_MEGAPIXELS = 150.0  # the largest phone sensors give 108; a 200-megapixel picture takes 600 MB as RGB
MAX_FILE_MEGABYTES = 500  # read whole to be hashed and decoded from one copy; larger files are no photos

# Indexing
BATCH = 32  # photos a pass of the network: as fast as 4 or 64 on two cores, and a transaction now and then
LOOK_AHEAD = 3 * BATCH  # decoded photos waiting: enough to hide one slow file; 19 MB at 256 x 256

# Parts of a photo
PARTS_RANK = 8  # vectors that its parts are mixtures of: 2,945 bytes; with 4, pairs of words lose a point
BEST_PARTS = 1 / 16  # share of the parts whose mean is the score of a part: 4 of 64

# Search
TOP = 9  # results shown: three rows of three on a contact sheet
MIN_TERM = 0.1  # least probability that a photo shows a term: 0.88 of VOC's right photos have it, and of most words for
# what no photo shows none has it (docs/queries.md); of n terms the n-th power: nothing is lost for a second word
MIN_TAG_LABELS = 100  # a model with fewer labels also tags with visible things; with more, those only add odd words
SURE = 0.5  # least probability of a tag: right more often than wrong
TAGS = 5  # tags a photo: what one glance takes in
EXACT_BELOW = 1_000  # vectors in a space: a scan then takes 0.3 ms, loading and asking a graph 2.2 ms
CANDIDATES = 4  # times k are taken from the graph and rescored exactly
MIN_CANDIDATES = 40  # at least: the first 32 by 128 of 300 numbers hold the ten nearest, of 1,280 numbers 0.99 of them
MIN_SHOWING = 1_000  # at least, where parts are scored too: a small thing is far from the whole photo
MIN_WEIGHTED = 500  # at least, where the weights of a class change what is near: recall@10 0.996 of 100,000 photos
EXACT_AMONG = 5_000  # photos that a filter leaves: all are scored, parts too, in a fifth of a second
OVER_FETCH = 1.5  # times as many as needed are taken from the graph where a filter drops some
FEEDBACK = 0.2  # times the cosine to photos that were judged: measured, beside Rocchio's usual 0.75 and 0.15
NEAR_QUERY = 0.8  # cosine of queries that share judgements: sofa and couch have 0.84, cat and kitten 0.73
LIKE_FROM = 9  # best photos of a word search whose mean stands for the query when it is ranked like a class

# hnswlib (Malkov and Yashunin, 2018): M links a node, ef candidates kept while building and searching; tables of all
# in docs/performance.md. More links or effort while building gain less than a hundredth of recall
GRAPH_M = 16
GRAPH_EF_CONSTRUCTION = 200
GRAPH_EF = 128
# Photos find 0.999 of their ten nearest with 128; of a million 0.990, and with twice as much 0.999. Words are far from
# all photos: of 10,000 photos they need 192 for 0.99, of 100,000 1,024 (512: 0.98), of a million 6,500 for 0.98. Both
# efforts grow with a power of the number of photos: from 100,000 on that of photos, and the number of candidates
GRAPH_EF_GROWTH = 0.3
GRAPH_LARGE = 100_000  # photos
GRAPH_EF_WORDS = 1024  # of so many photos
GRAPH_EF_WORDS_GROWTH = 0.8
GRAPH_NEAR = 0.6  # cosine of the nearest photo: photos have 0.63 to 0.99 to it, words 0.02 to 0.57
GRAPH_DIM = 128  # numbers of a vector in a graph: exact vectors rank what it finds (docs/performance.md)
GRAPH_BEHIND = 0.02  # share of photos that a graph may lack: of a million 20,000 are read in 0.1 s, scanned in 3 ms
GRAPH_SEED = 100
HELD_BYTES = 128 << 20  # of vectors of one kind that a program which searches often keeps in memory beside its graphs
HALVES_BYTES = 512 << 20  # of projections in memory beside a graph that was asked for words: 1.3 million photos
HELD_AFTER = 200  # a library of n photos is searched n / 200 times before that: then it has nearly paid
SCANS = 3  # searches that read all before a program loads a graph, of photos or words, which takes four times as long

# Words
# Cosine of the nearest word: words have 1 to themselves, means of two words 0.66 to 0.75, of three 0.56 to 0.69
WORD_NEAR = 0.9
GRAPH_EF_MEANS = 1024  # of means of words: of 46,078 words those of three need 512 for 0.999 (128: 0.96), of five 1,024
HINTED_WORDS = 100_000  # most frequent words that hints come from: the rarer ones are often misspelt themselves


def larger(count: int) -> float:
    """Times as many candidates, and as much effort, as a library that is not large needs."""
    return float(max(1.0, count / GRAPH_LARGE) ** GRAPH_EF_GROWTH)
