"""`--min-score P`: which photos are kept, which queries find something, and which find nothing as nothing is there.

    python -m benchmarks.quality.thresholds --data DIR

On the held-out quarter of VOC. Present: its class words; a photo is right if it is labelled so. Absent: names of
things that none of these photos shows: those that the words head has learnt from other photos, those that only the
classes head knows, and those that neither does; asked as `devise search` asks. Such a query is rejected when no
photo is at least P likely. The larger a library, the likelier is a wrong photo above P.
"""

from __future__ import annotations

import numpy as np

from benchmarks.quality.both_heads import BothHeads, sigmoid
from benchmarks.quality.held_out import HeldOut
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import TOP

AT = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
LEARNT = (
    "accordion", "anchor", "crab", "crocodile", "dolphin", "dragonfly", "elephant", "emu", "flamingo",
    "gramophone", "hedgehog", "helicopter", "kangaroo", "lobster", "mandolin", "menorah", "metronome",
    "minaret", "nautilus", "octopus", "okapi", "pagoda", "platypus", "pyramid", "revolver", "rhino",
    "saxophone", "scorpion", "starfish", "stegosaurus", "strawberry", "glacier", "sandals", "wallet",
)  # fmt: skip
OTHERS = (
    "astronaut", "ballet", "cactus", "castle", "chess", "circus", "comet", "eclipse", "fireworks", "galaxy",
    "igloo", "microscope", "mummy", "oyster", "penguin", "robot", "rocket", "sauna", "skeleton", "skyscraper",
    "spaceship", "stadium", "submarine", "sushi", "tattoo", "tornado", "trumpet", "tunnel", "volcano",
    "waterfall", "whale", "windmill", "zebra", "zeppelin",
)  # fmt: skip


def main() -> None:
    chosen = parser(__doc__).parse_args()
    held, heads = HeldOut.of(chosen), BothHeads(chosen.model)
    photos, asked = heads.vectors(held.views), held.asked
    found = held.answers_of_both(heads, photos).probabilities
    learnt = [word for word in LEARNT if word in heads.learnt]
    unlearnt = [word for word in (*LEARNT, *OTHERS) if word not in heads.learnt]
    classes = [word for word in unlearnt if heads.by_class(word, photos) is not None]
    others = [word for word in unlearnt if word not in classes]
    absent = [np.array([sigmoid(heads(word, photos)).max() for word in words]) for words in (learnt, classes, others)]
    rows = []
    for p in AT:
        kept = found >= p
        best = np.argsort(-found, axis=0, kind="stable")[:TOP]  # (TOP, classes)
        right = np.take_along_axis(asked.truth & kept, best, axis=0).any(0)
        shown = np.take_along_axis(kept, best, axis=0).sum()
        first = np.take_along_axis(asked.truth & kept, best, axis=0).sum() / shown
        shares = kept[asked.truth].mean(), asked.truth[kept].mean(), first
        rejected = [f"{(some < p).sum()}/{len(some)}" for some in absent]
        rows.append([f"{p:.2f}", *(f"{x:.3f}" for x in shares), f"{right.sum()}/{len(right)}", *rejected])
    columns = ["P", "right photos kept", "of those kept, right", f"of the first {TOP}, right",
               "present words with a right photo", "absent words rejected: learnt", "classes",
               "never learnt"]  # fmt: skip
    show("thresholds", f"{heads.checkpoint.name}, {len(held.views)} photos", columns, rows, write=chosen.write)


if __name__ == "__main__":
    main()
