"""Make devise/model/synonyms.tsv: other names of the 1,000 ImageNet classes, from WordNet.

    python -m recipes.class_synonyms --wnids FILE [--wordnet FOLDER]

FILE: the 1,000 synsets in ImageNet's order, one a line (`timm` carries it as imagenet_synsets.txt).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES

from benchmarks.quality.wordnet import data_file

OUT = Path(__file__).parents[1] / "devise/model/synonyms.tsv"


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
        if others:
            lines.append("\t".join([label, *others]))
    OUT.write_text("\n".join(lines) + "\n")
    print(f"{OUT}: {len(lines)} classes, {sum(line.count(chr(9)) for line in lines)} names")


if __name__ == "__main__":
    main()
