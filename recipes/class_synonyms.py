"""Make synonyms.tsv of the network and recipes/kinds.tsv: other names of the 1,000 ImageNet classes, and what they are.

    python -m recipes.class_synonyms --wnids FILE [--wordnet FOLDER]

Both from WordNet; what a class is a kind of are those words for visible things that name one of the synsets above it.
FILE: the 1,000 synsets in ImageNet's order, one a line (`timm` carries it as imagenet_synsets.txt).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES

from benchmarks.quality.wordnet import ancestors, data_file

ROOT = Path(__file__).parents[1]
OUT, KINDS = ROOT / "devise/descriptors/network/synonyms.tsv", ROOT / "recipes/kinds.tsv"
# WordNet's other senses of a word for a visible thing: a railway car is no car. And words that VOC has for what it is.
OTHER_SENSES = {("freight car", "car"), ("passenger car", "car"), ("electric locomotive", "train")}
MORE = {"motorcycle": "motorbike", "couch": "sofa"}
# What says little of a picture, or what is in many pictures where nobody says so.
VAGUE = {"device", "machine", "arm", "toy", "board", "stick", "wheel", "person", "seat", "cap", "home", "light"}
ALSO = {
    "warplane": "airplane",
    "monitor": "television", "screen": "television", "moped": "motorbike", "motor scooter": "motorbike", "ox": "cow",
    "pot": "potted plant", "steam locomotive": "train", "electric locomotive": "train", "passenger car": "train",
    "freight car": "train", "studio couch": "sofa",
}  # fmt: skip


def lemmas(file: Path) -> dict[str, list[str]]:
    """Synset such as "n02123045" -> its names, spaces for underscores."""
    found = {}
    for line in file.read_text("utf-8", errors="replace").splitlines():
        if not line.startswith(" "):  # the licence
            fields = line.split("|")[0].split()
            count = int(fields[3], 16)
            found[f"n{fields[0]}"] = [name.replace("_", " ") for name in fields[4 : 4 + 2 * count : 2]]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wnids", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path, default=None, help="the folder of data.noun")
    options = parser.parse_args()
    names, lines = lemmas(data_file(options.wordnet)), []
    for label, wnid in zip(_IMAGENET_CATEGORIES, options.wnids.read_text().split(), strict=True):
        others = [name for name in names[wnid] if name.lower() != label.lower()]
        lines.append("\t".join([label, *others]))
    OUT.write_text("\n".join(lines) + "\n")
    visible = {*(ROOT / "devise/words/visible.txt").read_text().split("\n"), *MORE.values()}
    kinds = []
    for label, wnid in zip(_IMAGENET_CATEGORIES, options.wnids.read_text().split(), strict=True):
        above = {MORE.get(name, name) for synset in ancestors(wnid, options.wordnet) for name in names[synset]}
        above |= {ALSO[label]} if label in ALSO else set()
        if "house cat" not in above:  # lions and tigers are cats in another sense
            above -= {"cat"}
        above -= VAGUE
        found = sorted(name for name in above & visible - {label.lower()} if (label, name) not in OTHER_SENSES)
        if found:
            kinds.append("\t".join([label, *found]))
    KINDS.write_text("\n".join(kinds) + "\n")
    print(f"{OUT}: {len(lines)} classes, {sum(line.count(chr(9)) for line in lines)} names")


if __name__ == "__main__":
    main()
