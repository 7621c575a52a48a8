"""Photos like a photo in several spaces at once, and like its eight poses: against the formula by brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from typer.testing import CliRunner

from devise import Library
from devise.cli.main import app
from devise.config import SearchConfig, Settings
from devise.descriptors.poses import eight
from devise.errors import LibraryError
from devise.search.blend import nearness, spaces_of
from devise.spaces import Space

NUM = 30


def photo(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("blend")
    (root / "photos").mkdir()
    for seed in range(NUM):
        photo(seed).save(root / "photos" / f"{seed}.png")
    with Library(root / "library") as library:
        library.index([root / "photos"], model=FakeEncoder(), add=["phash", "grey", "colour"])
    return root


@pytest.mark.parametrize("exact", [5_000, 0], ids=["all", "candidates"])
def test_the_weighted_mean_of_nearness(made: Path, exact: int) -> None:
    settings = Settings(search=SearchConfig(exact_filtered=exact, min_candidates_weighted=NUM))
    with Library(made / "library", settings=settings) as library:
        paths, features = library.vectors("features")
        colours = library.vectors("colour")[1]
        asked = paths[7]
        found = library.similar(asked, k=NUM, space="features,3:colour")
    apart = np.abs(colours - colours[7]).sum(1)
    expected = (features @ features[7] + 3 * (1 - apart / 2)) / 4
    order = [at for at in np.argsort(-expected) if at != 7]
    assert [match.path for match in found] == [paths[at] for at in order]
    np.testing.assert_allclose([match.score for match in found], expected[order], atol=1e-4)


def test_scores_on_one_scale() -> None:
    bits = Space(name="phash", dim=64, metric="hamming", dtype="bits")
    assert nearness(bits, np.array([0.0, -32])).tolist() == [1, 0]
    grey = Space(name="grey", dim=4, metric="l1", dtype="uint8")
    assert nearness(grey, np.array([0.0, -4 * 255])).tolist() == [1, 0]
    assert nearness(Space(name="features", dim=4), np.array([0.5])).tolist() == [0.5]


@pytest.mark.parametrize("space", ["phash", "grey", "colour,phash"])
def test_turned_and_mirrored_on_request(made: Path, tmp_path: Path, space: str) -> None:
    changes = [Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.TRANSVERSE]
    with Library(made / "library") as library:
        for seed, change in enumerate(changes):
            other = tmp_path / f"{seed}.png"
            photo(seed).transpose(change).save(other)
            best = library.similar(other, k=1, space=space, poses=True)[0]
            assert Path(best.path).stem == str(seed)
            if "," not in space:
                assert best.score > library.similar(other, k=1, space=space)[0].score
        own = made / "photos" / "3.png"
        assert str(own) not in [match.path for match in library.similar(own, k=NUM, space=space, poses=True)]


def test_eight_poses_differ() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert len({pose.tobytes() for pose in eight(pixels)}) == 8


@pytest.mark.parametrize("text", ["", "features,", "0:colour", "x:colour", "nan:colour", "colour,2:colour"])
def test_what_names_no_spaces(made: Path, text: str) -> None:
    with pytest.raises(LibraryError, match="names"):
        spaces_of(text)


def test_on_the_command_line(made: Path) -> None:
    asked = [str(made / "photos" / "3.png"), "--library", str(made / "library"), "--paths"]
    run = CliRunner().invoke(app, ["similar", *asked, "--space", "colour,2:phash", "--poses", "-k", "3"])
    assert (run.exit_code, len(run.stdout.splitlines())) == (0, 3)
    for space, text in (("colour,dhash", "devise index --add dhash"), ("5:colour,5:colour", "names a space twice")):
        run = CliRunner().invoke(app, ["similar", *asked, "--space", space])
        assert (run.exit_code, text in run.stderr) == (1, True)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"space": "local", "order": "grey"}, "leave --order out"),
        ({"space": "grey,colour", "order": "phash"}, "leave --order out"),
        ({"space": "phash", "order": "grey,colour"}, "leave --order out"),
        ({"space": "phash", "order": "grey", "poses": True}, "leave --order out"),
        ({"like": "cat", "poses": True}, "leave one of them out"),
        ({"like": "cat", "order": "grey"}, "leave one of them out"),
    ],
)
def test_what_does_not_go_together_is_refused(made: Path, how: dict[str, Any], text: str) -> None:
    with Library(made / "library") as library, pytest.raises(LibraryError, match=text):
        library.similar(made / "photos" / "3.png", **how)
