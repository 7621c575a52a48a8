"""The visual words that ship: means of SIFT descriptors of photos (k-means), for devise.descriptors.local.

python -m recipes.visual_words --data DIR [--photos 300]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from devise.descriptors import local
from devise.descriptors.looks import RESIZE, SIZE
from devise.photos import load


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of photos, of which every n-th is taken")
    parser.add_argument("--photos", type=int, default=300)
    asked = parser.parse_args()
    paths = sorted(asked.data.rglob("*.jpg"))
    rows = []
    for path in paths[:: max(1, len(paths) // asked.photos)]:
        rows.append(local.corners(load(path.read_bytes(), size=SIZE, resize=RESIZE, path=str(path))).rows)
    some = np.concatenate(rows)
    print(f"{len(some):,} descriptors of {len(rows):,} photos", flush=True)
    means = MiniBatchKMeans(local.NUM_WORDS, init="random", batch_size=4096, n_init=1, max_iter=5, random_state=0)
    centres = means.fit(some).cluster_centers_
    local.FILE.write_bytes(np.round(255 * centres / centres.max()).astype(np.uint8).tobytes())


if __name__ == "__main__":
    main()
