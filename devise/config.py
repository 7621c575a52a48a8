"""Every default once, with its reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
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
    """Where the user's own `embeddings` or `checkpoints` are written: never beside the package, be it in a clone.

    DEVISE_EMBEDDINGS or DEVISE_CHECKPOINTS, else the user's data folder. Those in a clone are found as what ships is.
    """
    named = os.environ.get(f"DEVISE_{kind.upper()}")
    return Path(named) if named else user_data() / kind


CORES = "DEVISE_CORES"


def num_cores() -> int:
    """Of the processor that this process may use: DEVISE_CORES, or all. Each of several workers has a share."""
    given = os.environ.get(CORES, "")
    return max(1, int(given)) if given.isdecimal() else os.cpu_count() or 1


def default_library() -> str | Path:
    """What DEVISE_LIBRARY names, or `library` in the user's data folder."""
    return os.environ.get("DEVISE_LIBRARY") or user_data() / "library"


SHIPPED_MODEL = "slim"  # the checkpoint that ships: checkpoints/slim.safetensors
SHIPPED_VECTORS = "visual"  # the word vectors that ship: embeddings/visual.safetensors
FORMER_VECTORS = "minilm"  # those that shipped before: libraries made then are still asked by them

# Photos
_SUFFIXES = """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .gif .webp .avif .bmp .dib .tif .tiff .jp2 .j2k .jpf .jpx
    .j2c .jpc .ppm .pgm .pbm .pnm .pfm .psd .sgi .pcx .qoi .tga .icb .vda .vst .pcd .ras .sun .heic .heif .hif
"""
PHOTO_SUFFIXES = frozenset(_SUFFIXES.split())  # of files that can be read; what ends so in a query is a photo


@dataclass(frozen=True, kw_only=True)
class PhotoConfig:
    """Which photos are read at all."""

    max_megapixels: float = 150.0  # the largest phone sensors give 108; a 200-megapixel picture takes 600 MB as RGB
    max_file_megabytes: float = 500.0  # read whole to be hashed and decoded from one copy; larger files are no photos
    is_library_only: bool = False  # whether the photos that queries name are those of the library: a server's are


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """How photos are brought in."""

    batch: int = 32  # photos a pass of the network: as fast as 4 or 64 on two cores, and a transaction now and then
    prefetch: int = 96  # decoded photos waiting: enough to hide one slow file; 19 MB at 256 x 256
    max_threads: int = 8  # that read: more only wait for the disk and for Python's lock
    # Looks of a new library: 0.2 ms of a processor a photo beside the network's 10, 490 bytes beside 7,900; so nobody
    # who looks for duplicates or colours has to read all photos a second time (docs/looks.md)
    looks: tuple[str, ...] = ("phash", "grey", "colour")
    # Without a sign of life, of one of several programs that share the work: what a dead one had waits so long
    lease_seconds: float = 30.0
    settle: int = 5_000  # contents that an index on a server need not know while a run is under way: searches scan them
    large_bytes: int = 50_000_000  # larger files are decoded one at a time: all threads with one each had 4 GB


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """When an index is made and how it is asked.

    M, ef_construction, ef: of hnswlib (Malkov and Yashunin, 2018): links a node, candidates kept while building and
    while searching; tables of all in docs/benchmarks/. More links or a higher ef gain less than a hundredth of recall.
    """

    exact_below: int = 1_000  # vectors in a space: a scan then takes 0.3 ms, loading and asking a graph 2.2 ms
    M: int = 16
    ef_construction: int = 200
    # Photos find 0.999 of their ten nearest with 128; of a million 0.990, and with twice as much 0.999. What is far
    # from all photos, as words are, needs 192 for 0.99 of 10,000, 1,024 of 100,000 (512: 0.98), 6,500 for 0.98 of a
    # million. Both grow with a power of the number of photos: from `large` on that of photos, and the candidates
    ef: int = 128
    ef_growth: float = 0.3
    large: int = 100_000  # photos
    ef_far: int = 1024  # of so many photos
    ef_far_growth: float = 0.8
    near: float = 0.6  # cosine of the nearest photo: photos have 0.63 to 0.99 to it, words 0.02 to 0.57
    dim: int = 128  # numbers of a vector in an index: exact vectors rank what it finds
    max_behind: float = 0.02  # share of photos that an index may lack: of a million 20,000 are scanned in 3 ms
    min_behind: int = 1_000  # so many it may always lack: a scan of them takes 0.3 ms
    seed: int = 100
    scans: int = 3  # searches that read a file through before a program loads it, which takes as long as four
    scanned_bytes: int = 1 << 30  # of projections in memory: two million photos
    cache_bytes: int = 128 << 20  # of vectors of one space that a program which asks often keeps in memory
    regions_bytes: int = 448 << 20  # of photos with their parts that it has looked at: 110,000 of 4,100 bytes
    cache_after: int = 200  # a library of n photos is searched n / 200 times before that: then it has nearly paid
    # Cosine of the nearest word: words have 1 to themselves, means of two words 0.66 to 0.75, of three 0.56 to 0.69
    near_word: float = 0.9
    ef_means: int = 1024  # of means of words: of 46,078 those of three need 512 for 0.999 (128: 0.96), of five 1,024

    def growth(self, count: int) -> float:
        """Times as many candidates, and as high an ef, as a library that is not large needs."""
        return float(max(1.0, count / self.large) ** self.ef_growth)

    def ef_of(self, count: int, *, far: bool = False) -> int:
        """For a graph of so many vectors. far: of a query that is near to none of them."""
        usual = int(self.ef * self.growth(count))
        return max(usual, int(self.ef_far * (count / self.large) ** self.ef_far_growth)) if far else usual

    def may_lack(self, count: int) -> int:
        """Contents that the indices of a library of `count` need not know: searches look at each of them."""
        return max(self.min_behind, int(self.max_behind * count))


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How a query becomes matches."""

    top: int = 9  # results shown: three rows of three on a contact sheet
    # least probability of a likely answer: 0.90 of VOC's right photos have it, and for three quarters of the words of
    # what no photo shows none has it (docs/queries.md); what has less is shown apart
    min_term: float = 0.1
    candidates: int = 4  # times k are taken from the index and rescored exactly
    min_candidates: int = 40  # at least: the first 32 by 128 of 300 numbers hold the ten nearest, of 1,280 0.99 of them
    min_candidates_regions: int = 1_000  # at least, where regions are scored: a small thing is far from the whole photo
    further: int = 2  # times as many where too few are certain: 15 queries then answer as a scan of 100,000 photos does
    min_candidates_weighted: int = 500  # where class weights change what is near: recall@10 0.996 of 100,000 photos
    exact_filtered: int = 5_000  # photos that a filter leaves: all are scored, regions too, in a fifth of a second
    oversampling: float = 1.5  # times as many as needed are taken from the index where a filter drops some
    feedback: float = 0.1  # times the cosine to photos that were judged: measured, beside Rocchio's 0.75 and 0.15
    near_query: float = 0.8  # cosine of queries that share judgements: sofa and couch have 0.84, cat and kitten 0.73
    shortlist: int = 500  # photos near by one space that another puts in order: not tuned
    like_from: int = 9  # best photos of a word search whose mean stands for the query when it is ranked like a class


@dataclass(frozen=True, kw_only=True)
class TagConfig:
    """Which words name a photo."""

    k: int = 5  # tags a photo: what one glance takes in
    sure: float = 0.5  # least probability of a tag: right more often than wrong
    specific: float = 0.8  # least probability of a name beside its kind: a beagle that may be none is a dog
    min_labels: int = (
        100  # a model with fewer labels also tags with visible things; with more, those only add odd words
    )


@dataclass(frozen=True, kw_only=True)
class DuplicateConfig:
    """When two photos are the same, near or similar: measured on known changes of 1,000 photos (docs/looks.md)."""

    # Saved again, resized or in another format, 0.99 of photos differ in at most 2 bits of pHash, 2 of 255 levels of
    # grey and 0.06 of colour; with a text or a watermark on them in 10 levels at least
    same_bits: int = 4
    same_grey: float = 5.0
    same_colour: float = 0.1
    near_bits: int = 10  # brighter photos differ in 8 at most, those with a text in 10
    near_grey: float = 4.0  # levels, of all pixels: a text changes 3.7
    near_correlation: float = 0.98  # of grey pixels: brighter photos have 0.98; of different products 1 of 10,000 pairs
    posed_bits: int = 8  # of a hash that was mirrored or turned as such: 0.99 of photos
    similar_cosine: float | None = None  # of features; None: as measured for the model (devise.analysis.similar)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a library can be told, passed in: `Library(path, settings=Settings(index=IndexConfig(ef=256)))`."""

    photos: PhotoConfig = PhotoConfig()
    ingest: IngestConfig = IngestConfig()
    index: IndexConfig = IndexConfig()
    search: SearchConfig = SearchConfig()
    tags: TagConfig = TagConfig()
    duplicates: DuplicateConfig = DuplicateConfig()


@dataclass(frozen=True, kw_only=True)
class WebConfig:
    """What a server gives, and to how many at once."""

    max_k: int = 1_000  # photos of one answer: a page that long is scrolled through by nobody
    max_upload_bytes: int = 40_000_000  # of a photo to ask with: the largest of telephones have 25 MB
    max_body_bytes: int = 200_000  # of all else that is sent: a thousand ids have 10,000
    max_waiting: int = 64  # requests that wait for their turn; more are told to come back
    max_zip_photos: int = 500
    sizes: tuple[int, ...] = (480, 2048)  # pixels of the longer side: of a grid, and of one photo on a sharp screen
    thumbnail_bytes: int = 1_000_000_000  # on the disk: of 480 pixels 25,000
    tagged: int = 2_000  # photos that the page of tags looks at
    poll_seconds: float = 1.0  # between two looks at whether the library has changed


# Regions of a photo
BEST_PARTS = 1 / 16  # share of the regions whose mean is the score of a region: 4 of 64

# Words
HINTED_WORDS = 100_000  # most frequent words that hints come from: the rarer ones are often misspelt themselves
