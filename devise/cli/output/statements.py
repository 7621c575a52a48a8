"""What was read of one photo, from which field and which file: for `devise info PHOTO`."""

from __future__ import annotations

from pathlib import Path

from devise.cli.output.show import Output
from devise.errors import PhotoError


def of_photo(path: Path) -> Output:
    """When it was taken and why then, its format and size, each text with its field. Raises FolderError, PhotoError."""
    from devise.photos import Trouble, details, find

    if path.is_dir():
        raise PhotoError(path, "it is a folder; give a photo")
    found = next(find([path]), None)
    if found is None or isinstance(found, Trouble):
        raise PhotoError(path, found.reason if found else "it is no photo; give one")
    about = details(found.path, beside=found.beside)
    sidecars = [Path(sidecar.path).name for sidecar in found.beside]
    facts = [("kind", about.kind, ""), ("megapixels", f"{about.pixels / 1e6:.2f}", ""), ("bytes", str(found.size), "")]
    if about.taken_from:
        facts.append(("taken", about.taken or "", _source(about.taken_from.field, about.taken_from.file)))
    texts = [("text", one.text, _source(one.field, one.file)) for one in about.said if one.text]
    others = [
        ("other date", one.date, _source(one.field, one.file))
        for one in about.said
        if one.date and one is not about.taken_from
    ]
    return Output(
        columns=("what", "value", "from"),
        rows=[*facts, *texts, *others, *(("sidecar", name, "") for name in sidecars)],
        document={
            "path": found.path,
            "kind": about.kind,
            "pixels": about.pixels,
            "num_bytes": found.size,
            "taken": about.taken,
            "sidecars": sidecars,
            "said": [
                {"field": one.field, "file": one.file, **({"date": one.date} if one.date else {"text": one.text})}
                for one in about.said
            ],
        },
    )


def _source(field: str, file: str) -> str:
    return f"{field} in {file}" if file else field
