"""What a training run is asked to do; every default once, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devise.config import PhotoConfig
from devise.errors import TrainingError
from devise.store.location import Location
from devise.training.datasets.example import Reading

BACKBONE_NAMES = ("slim", "pixels", *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")))
CLASSIFIERS = ("logistic", "svm")
LOSS_NAMES = ("sigmoid", "softmax", "cosine", "hinge")
METRIC_LOSS_NAMES = ("triplet", "contrastive", "ntxent")
MINER_NAMES = ("semihard", "all", "hard")
METHOD_NAMES = ("greedyhash", "lin2015", "dsh", "dpsh")
FEWEST_BITS = 4  # tell sixteen things apart at most
MOST_BITS = 1024  # 128 bytes
MOST_NUMBERS = 16_384  # of a row: thirteen times the features of the model that ships
MOST_L1 = 10.0  # no code is worth that: a photo is rebuilt from numbers that add up to about 1
MAX_SIZE = 1024
MOST_RATE = 1e30  # ends in one clear line after a step; torch's own limit, some hundred million times that, does not


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """data: a folder of class folders, or a CSV of path and labels; out: the checkpoint's name or file.

    backbone: a name of BACKBONE_NAMES or a checkpoint whose backbone is taken; weights: a file for it.
    download: whether weights of torchvision may be downloaded, where they are not here.
    start: a checkpoint whose backbone and heads the run begins with: frozen first, then with blocks that learn too.
    vectors: name of the word vectors that are the targets (None: those in use).
    feedback: a library whose judged photos are learnt as well.
    unfreeze: last blocks of the backbone that are trained as well; 0 trains heads on cached features.
    objectives: names of devise.training.objectives.table.
    best_by: the figure that decides which epoch is best, where it is not the first, such as "mAP".
    dim: numbers of a row, of metric and autoencoder, and of each attribute; 0: as many as is usual. margin, miner: of
    the objective metric, whose loss is one of METRIC_LOSS_NAMES. method, bits: of hash. l1, noise: of autoencoder; the
    weight of the sum of a code's numbers, above 0 for sparse codes, and the share of numbers that is hidden from it.
    unlabelled: whether labels, where there are any, do not count: metric then learns that a photo is like itself,
    whatever part of it is seen, in whatever light.
    size: pixels a side of photos; 0: as the backbone does.
    hold_out: labels, or how many, whose photos are not learnt from: `devise evaluate` asks for them (zero-shot).
    classifier: "logistic" or "svm", by which scikit-learn fits the layer of classes; specialists: for so many pairs of
    labels that are confused a small classifier each. reject: share of pictures of nothing that are made of the photos.
    quantize: whether the checkpoint is looked at for being computed in bytes, which takes half a minute.
    """

    data: Path
    out: str
    backbone: str = "slim"
    weights: Path | None = None
    vectors: str | None = None
    feedback: Location | None = None
    loss: str = "sigmoid"  # measured best on photos with several labels: docs/training.md
    unfreeze: int = 0
    epochs: int = 20  # seconds on cached features; the best epoch is kept, so more cost only time
    batch: int = 64
    learning_rate: float = 1e-3  # Adam on the heads; a tenth of it on unfrozen blocks
    weight_decay: float = 1e-4
    validation: float = 0.1  # share of photos kept for hit@k
    seed: int = 0
    resume: bool = False
    force: bool = False  # overwrite an existing checkpoint
    threads: int = 0  # decoding threads; 0: one per core
    objectives: tuple[str, ...] = ("words", "classes")  # learnt together; the first decides which epoch is best
    photos: PhotoConfig = PhotoConfig()  # which photos are read at all
    find_rate: bool = False  # the learning rate is looked for, in place of the one that is given
    patience: int = 0  # epochs without a better one after which the run ends; 0: all epochs
    best_by: str = ""
    hold_out: tuple[str, ...] = ()
    quantize: bool = True
    start: str | None = None
    download: bool = False
    classifier: str = ""
    specialists: int = 0
    reject: float = 0.0
    reading: Reading = Reading()  # how the data are to be understood
    method: str = "greedyhash"  # the latest of those here; which is best on photos is not measured yet
    bits: int = 48  # 6 bytes a photo; the most that the papers try
    size: int = 0
    dim: int = 0
    margin: float = 0.2  # of cosine distances: FaceNet's
    miner: str = "semihard"
    l1: float = 0.0
    noise: float = 0.0
    unlabelled: bool = False

    def check(self) -> None:
        """Raises TrainingError for a number that makes no sense."""
        wrong = [
            (self.loss not in self._losses(), f"no loss {self.loss!r}; choose one of {', '.join(self._losses())}"),
            (self.miner not in MINER_NAMES, f"no miner {self.miner!r}; choose one of {', '.join(MINER_NAMES)}"),
            (not 0 < self.margin <= 2, f"the margin must be above 0 and at most 2, not {self.margin}"),
            (
                self.dim != 0 and not 2 <= self.dim <= MOST_NUMBERS,
                f"dim must be from 2 to {MOST_NUMBERS:,}, not {self.dim}",
            ),
            (not 0 <= self.l1 <= MOST_L1, f"the weight of L1 must be from 0 to {MOST_L1:g}, not {self.l1}"),
            (not 0 <= self.noise < 1, f"noise must be a share from 0 to below 1, not {self.noise}"),
            (self.epochs < 1, f"epochs must be at least 1, not {self.epochs}"),
            (self.batch < 2, f"batch must be at least 2, not {self.batch}: batch norm needs two photos"),
            (
                not 0 < self.learning_rate <= MOST_RATE,
                f"the learning rate must be above 0 and at most {MOST_RATE:g}, not {self.learning_rate}",
            ),
            (
                not 0 <= self.validation < 1,
                f"validation must be a share from 0 to below 1, not {self.validation}",
            ),
            (self.unfreeze < 0, f"unfreeze must be 0 or more blocks, not {self.unfreeze}"),
            (self.patience < 0, f"patience must be 0 or more epochs, not {self.patience}"),
            (not self.objectives, "there must be an objective"),
            (
                self.unlabelled and not {"metric", "autoencoder"}.issuperset(self.objectives),
                "without labels there are the objectives metric and autoencoder",
            ),
            (
                self.unlabelled and self.unfreeze > 0,
                "photos without labels are seen in several ways by a frozen backbone: no --unfreeze beside them",
            ),
            (
                "attributes" in self.objectives and not {"words", "classes"}.isdisjoint(self.objectives),
                "attributes have labels of their own, which no word vector is of: they are learnt without words",
            ),
            (
                bool(self.classifier or self.specialists or self.reject)
                and not {"words", "classes"} <= {*self.objectives},
                "a classifier, specialists and pictures of nothing stand beside the objectives words and classes",
            ),
            (self.method not in METHOD_NAMES, f"no method {self.method!r}; choose one of {', '.join(METHOD_NAMES)}"),
            (
                not FEWEST_BITS <= self.bits <= MOST_BITS,
                f"bits must be from {FEWEST_BITS} to {MOST_BITS:,}, not {self.bits:,}",
            ),
            (
                self.size != 0 and not 16 <= self.size <= MAX_SIZE,
                f"size must be from 16 to {MAX_SIZE:,} pixels, not {self.size:,}",
            ),
            (
                self.classifier not in ("", *CLASSIFIERS),
                f"no classifier {self.classifier!r}; choose one of {', '.join(CLASSIFIERS)}",
            ),
            (self.specialists < 0, f"specialists must be 0 or more pairs, not {self.specialists}"),
            (
                self.reject > 0 and self.loss != "sigmoid",
                f"pictures of nothing teach nothing with the loss {self.loss}: to reject takes sigmoid",
            ),
            (not 0 <= self.reject <= 1, f"reject must be a share from 0 to 1, not {self.reject}"),
            (
                bool(self.unfreeze and (self.classifier or self.specialists)),
                "a classifier and specialists are fitted on frozen features: no --unfreeze beside them",
            ),
        ]
        for is_wrong, text in wrong:
            if is_wrong:
                raise TrainingError(f"{text}; leave the option out to get its default")

    def _losses(self) -> tuple[str, ...]:
        return (*LOSS_NAMES, *(METRIC_LOSS_NAMES if "metric" in self.objectives else ()))
