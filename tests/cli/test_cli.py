"""The command line's contract: what it prints, where, and with which exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image
from typer.testing import CliRunner, Result

from devise.cli import options
from devise.cli.main import app

ROOT = Path(__file__).parents[2]
WORDS = {
    "red": (0.9, 0.1, 0.1),
    "reds": (0.88, 0.12, 0.12),
    "green": (0.1, 0.7, 0.15),
    "blue": (0.1, 0.2, 0.8),
    "sky": (0.3, 0.4, 0.8),
    "yellow": (0.9, 0.85, 0.15),
    "the": (0.5, 0.5, 0.5),
}


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """Word vectors whose numbers are colours, as the fake encoder's are."""
    from devise.words import import_vectors

    file = tmp_path / "tiny.txt"
    lines = (f"{word} {' '.join(map(str, rgb))} 0.1" for word, rgb in WORDS.items())
    file.write_text("\n".join(lines) + "\n")
    return import_vectors(str(file), "tiny").fingerprint


@pytest.fixture
def encoder(tiny: str, monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:

    fake = FakeEncoder(vectors_fingerprint=tiny)
    monkeypatch.setattr("devise.descriptors.network.engine.open_encoder", lambda name=None, vectors=None: fake)
    return fake


@pytest.fixture
def devise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process, with a library of this test's own."""
    monkeypatch.setenv("DEVISE_LIBRARY", str(tmp_path / "library"))

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="devise")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def indexed(devise: Callable[..., Result], encoder: FakeEncoder, album: Path) -> Path:
    result = devise("index", album)
    assert result.exit_code == 0, result.stderr
    return album


def spawn(*arguments: object, **more) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a program would."""
    command = [sys.executable, "-m", "devise.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, timeout=120, **more)


def fails(result: Result, *parts: str) -> None:
    """One line on stderr that says what is wrong and names `parts`; nothing on stdout; status 1."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr


# What each command prints


def test_index_counts(devise: Callable[..., Result], encoder: FakeEncoder, album: Path) -> None:
    (album / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    report = json.loads(devise("index", album, "--json").stdout)
    assert {name: report[name] for name in ("added", "updated", "unchanged", "moved", "removed")} == {
        "added": 6,
        "updated": 0,
        "unchanged": 0,
        "moved": 0,
        "removed": 0,
    }
    assert [skipped["path"] for skipped in report["skipped"]] == [str(album / "cut.jpg")]
    assert report["skipped"][0]["reason"]
    assert isinstance(report["seconds"], float)
    (album / "red.png").rename(album / "rouge.png")
    (album / "white.png").unlink()
    again = json.loads(devise("index", "--json").stdout)
    assert (again["added"], again["unchanged"], again["moved"], again["removed"]) == (0, 4, 1, 1)


def test_index_tells_people_what_was_skipped(devise: Callable[..., Result], encoder: FakeEncoder, album: Path) -> None:
    for i in range(25):
        (album / f"empty-{i:02d}.jpg").touch()
    result = devise("index", album)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.count(": the file is empty") == 20
    assert "skipped 5 more" in result.stderr
    assert "6 added, 25 skipped in" in result.stderr
    assert devise("index", album, "--quiet").output == ""


def test_search_as_json(devise: Callable[..., Result], indexed: Path) -> None:
    result = devise("search", "red", "-k", "2", "--json")
    found = json.loads(result.stdout)
    assert [set(match) for match in found] == [{"path", "score"}] * 2
    assert found[0]["path"] == str(indexed / "red.png")
    assert 1 >= found[0]["score"] >= found[1]["score"]
    assert result.stderr == ""


def test_words_may_stand_together_or_apart(devise: Callable[..., Result], indexed: Path) -> None:
    together, apart = (devise("search", *words, "--json").stdout for words in (["red blue"], ["red", "blue"]))
    assert together == apart


def test_k_may_exceed_the_library(devise: Callable[..., Result], indexed: Path) -> None:
    assert len(json.loads(devise("search", "red", "-k", "1000", "--json").stdout)) == 6


def test_search_as_csv_paths_and_lines(devise: Callable[..., Result], indexed: Path) -> None:
    rows = list(csv.reader(io.StringIO(devise("search", "red", "--csv").stdout)))
    assert rows[0] == ["path", "score"]
    assert rows[1][0] == str(indexed / "red.png")
    paths = [row[0] for row in rows[1:]]
    assert devise("search", "red", "--paths").stdout.splitlines() == paths
    assert devise("search", "red", "--null").stdout.split("\0") == [*paths, ""]
    assert devise("search", "red", "--paths", "-0").stdout.split("\0") == [*paths, ""]
    assert [line.split("\t")[0] for line in devise("search", "red").stdout.splitlines()] == paths


def test_file_names_keep_their_bytes(devise: Callable[..., Result], indexed: Path) -> None:
    raw = os.fsencode(indexed) + b"/caf\xe9\n.png"
    (indexed / "red.png").rename(os.fsdecode(raw))
    assert devise("index").exit_code == 0
    assert devise("search", "red", "-k", "1", "-0").stdout_bytes == raw + b"\0"
    assert os.fsencode(json.loads(devise("search", "red", "-k", "1", "--json").stdout)[0]["path"]) == raw
    assert devise("search", "red", "-k", "1").stdout_bytes.count(b"\n") == 1


def test_similar(devise: Callable[..., Result], indexed: Path, draw: Callable[..., Path]) -> None:
    for space in ("features", "words"):
        found = json.loads(devise("similar", indexed / "red.png", "--space", space, "--json").stdout)
        assert len(found) == 5
        assert str(indexed / "red.png") not in [match["path"] for match in found]
    outside = draw("elsewhere/dark-red.png", (190, 25, 25))
    assert devise("similar", outside, "-k", "1", "--paths").stdout == f"{indexed / 'red.png'}\n"


def test_tag(devise: Callable[..., Result], indexed: Path) -> None:
    (tags,) = json.loads(devise("tag", indexed / "red.png", "-k", "2", "--json").stdout)
    assert tags["path"] == str(indexed / "red.png")
    assert tags["tags"][0]["word"] == "red"
    assert [set(tag) for tag in tags["tags"]] == [{"word", "score"}] * 2
    rows = list(csv.reader(io.StringIO(devise("tag", indexed / "red.png", "--csv").stdout)))
    assert rows[0] == ["path", "word", "score", "probability"]
    assert rows[1][:2] == [str(indexed / "red.png"), "red"]
    any_word = json.loads(devise("tag", indexed / "yellow.png", "--any-word", "--json").stdout)
    assert any_word[0]["tags"][0]["word"] == "yellow"


def test_tag_takes_folders_and_names_what_it_skips(devise: Callable[..., Result], indexed: Path) -> None:
    (indexed / "empty.jpg").touch()
    result = devise("tag", indexed, "--json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 6
    assert f"skipped {indexed / 'empty.jpg'}: " in result.stderr
    named = devise("tag", indexed / "empty.jpg", indexed / "red.png", "--json")
    assert named.exit_code == 1
    assert len(json.loads(named.stdout)) == 1
    assert "error: " in named.stderr


def test_words(devise: Callable[..., Result], tiny: str) -> None:
    found = json.loads(devise("words", "red", "-k", "3", "--vectors", "tiny", "--json").stdout)
    assert len(found) == 3
    assert found[0]["word"] == "reds"
    rows = list(csv.reader(io.StringIO(devise("words", "red", "-k", "3", "--vectors", "tiny", "--csv").stdout)))
    assert rows[0] == ["word", "cosine", "distance"]
    assert float(rows[1][2]) == pytest.approx((2 - 2 * found[0]["score"]) ** 0.5, abs=1e-4)


def test_vectors(devise: Callable[..., Result], tiny: str, tmp_path: Path) -> None:
    result = devise("vectors", "import", tmp_path / "tiny.txt", "--name", "other")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert devise("vectors", "use", "other").exit_code == 0
    known = {each["name"]: each for each in json.loads(devise("vectors", "list", "--json").stdout)}
    assert known["other"]["in_use"]
    assert not known["tiny"]["in_use"]
    assert (known["other"]["words"], known["other"]["dim"]) == (len(WORDS), 4)


def test_info(devise: Callable[..., Result], encoder: FakeEncoder, album: Path, tmp_path: Path) -> None:
    before = json.loads(devise("info", "--json").stdout)
    assert before["library"]["exists"] is False
    assert before["library"]["path"] == str(tmp_path / "library")
    assert before["model"]["fingerprint"] == encoder.info.fingerprint
    devise("index", album)
    after = json.loads(devise("info", "--json").stdout)
    assert after["library"]["exists"] is True
    assert after["library"]["num_photos"] == 6
    assert after["problems"] == []
    assert "library num_photos\t6" in devise("info").stdout
    assert "model spaces words dim\t4" in devise("info").stdout


def test_info_of_a_photo_says_what_was_read_and_from_where(devise: Callable[..., Result], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0132] = "2023:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9004] = "2009:01:02 03:04:05"
    Image.new("RGB", (1000, 1000)).save(tmp_path / "tom.jpg", exif=exif)
    (tmp_path / "tom.json").write_text('{"description": "our cat"}')
    lines = devise("info", tmp_path / "tom.jpg").stdout.splitlines()
    assert "taken\t2009-01-02T03:04:05\tEXIF CreateDate" in lines
    assert "other date\t2023-01-01T00:00:00\tEXIF ModifyDate" in lines
    assert "text\tour cat\tJSON description in tom.json" in lines
    document = json.loads(devise("info", tmp_path / "tom.jpg", "--json").stdout)
    assert document["taken"] == "2009-01-02T03:04:05"
    assert document["sidecars"] == ["tom.json"]
    assert {"field": "JSON description", "file": "tom.json", "text": "our cat"} in document["said"]
    assert devise("info", tmp_path / "none.jpg").exit_code != 0
    assert devise("info", tmp_path).exit_code != 0


def test_info_says_what_does_not_fit(
    devise: Callable[..., Result], indexed: Path, encoder: FakeEncoder, tmp_path: Path
) -> None:
    encoder.info = FakeEncoder(name="other", fingerprint="e" * 64).info
    (tmp_path / "tiny.txt").write_text("red 1 2 3 4\ngreen 4 3 2 1\n")
    assert devise("vectors", "import", tmp_path / "tiny.txt", "--name", "second").exit_code == 0
    folder = Path(os.environ["DEVISE_EMBEDDINGS"])
    second = folder / "second.safetensors"
    second.replace(folder / f"tiny{second.suffix}")
    result = devise("info", "--json")
    assert result.exit_code == 0
    model, vectors = json.loads(result.stdout)["problems"]
    assert "--model fake" in model
    assert "devise vectors import" in vectors


def test_html(devise: Callable[..., Result], indexed: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.html"
    (indexed / "red.png").rename(indexed / "<b>&.png")
    devise("index")
    for command in (["search", "red"], ["similar", indexed / "green.png"], ["tag", indexed]):
        sheet.unlink(missing_ok=True)
        result = devise(*command, "--html", sheet, "--json")
        assert result.exit_code == 0, result.stderr
        json.loads(result.stdout)
        page = sheet.read_text(encoding="utf-8")
        assert page.count("data:image/jpeg;base64,") >= 5
        assert "&lt;b&gt;&amp;.png" in page
        assert "<b>&" not in page
        assert "<script" not in page
        assert "http" not in page
        assert (indexed / "<b>&.png").as_uri() in page


# Bad input: one line, status 1


@pytest.mark.parametrize("k", ["0", "-3"])
def test_a_k_below_one(devise: Callable[..., Result], indexed: Path, k: str) -> None:
    fails(devise("search", "red", "-k", k), "1")
    fails(devise("similar", indexed / "red.png", "-k", k), "1")
    fails(devise("tag", indexed / "red.png", "-k", k), "1")
    fails(devise("words", "red", "-k", k, "--vectors", "tiny"), "1")


def test_unknown_words_with_hints(devise: Callable[..., Result], indexed: Path) -> None:
    fails(devise("search", "gren blu"), "gren", "blu", "green", "blue")
    fails(devise("words", "gren", "--vectors", "tiny"), "gren", "green")


@pytest.mark.parametrize("query", ["", "  ", "the", "of the"])
def test_queries_without_a_word(devise: Callable[..., Result], indexed: Path, query: str) -> None:
    fails(devise("search", query))


def test_a_missing_library(devise: Callable[..., Result], encoder: FakeEncoder) -> None:
    fails(devise("search", "red"), "devise index FOLDER")
    fails(devise("index"), "devise index FOLDER")


def test_bad_folders(devise: Callable[..., Result], encoder: FakeEncoder, tmp_path: Path) -> None:
    fails(devise("index", tmp_path / "nowhere"), "nowhere")
    (tmp_path / "bare").mkdir()
    fails(devise("index", tmp_path / "bare"), "bare")
    (tmp_path / "file.txt").write_text("no folder")
    fails(devise("index", tmp_path / "file.txt"), "file.txt")
    fails(devise("tag", tmp_path / "bare"), "bare")


def test_a_folder_that_lost_all_its_photos(devise: Callable[..., Result], indexed: Path) -> None:
    for photo in indexed.rglob("*.png"):
        photo.unlink()
    fails(devise("index"), "--allow-empty")
    report = json.loads(devise("index", "--allow-empty", "--json").stdout)
    assert report["removed"] == 6


def test_bad_photos(devise: Callable[..., Result], indexed: Path, tmp_path: Path) -> None:
    fails(devise("similar", tmp_path / "nowhere.jpg"), "nowhere.jpg")
    fails(devise("tag", tmp_path / "nowhere.jpg"), "nowhere.jpg")
    (tmp_path / "empty.jpg").touch()
    fails(devise("tag", tmp_path / "empty.jpg"), "empty")


def test_bad_vectors(devise: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("no numbers here\n")
    fails(devise("vectors", "import", tmp_path / "bad.txt"), "bad.txt")
    fails(devise("vectors", "use", "nowhere"), "nowhere")
    fails(devise("words", "red", "--vectors", "nowhere"), "nowhere")


def test_a_damaged_library(devise: Callable[..., Result], indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "library" / "library.db").write_bytes(b"no database" * 1000)
    for leftover in (tmp_path / "library").glob("library.db-*"):
        leftover.unlink()
    fails(devise("search", "red"), "library")


def test_another_model(
    devise: Callable[..., Result], indexed: Path, encoder: FakeEncoder, draw: Callable[..., Path]
) -> None:

    other = FakeEncoder(name="other", fingerprint="e" * 64)
    draw("album/new.png", (1, 2, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("devise.descriptors.network.engine.open_encoder", lambda name=None, vectors=None: other)
        fails(devise("index", indexed, "--model", "other"), "fake", "other", "--library")


def test_a_sheet_that_cannot_be_written_leaves_stdout_empty(devise: Callable[..., Result], indexed: Path) -> None:
    result = devise("search", "red", "--html", indexed / "red.png" / "sheet.html", "--json")
    fails(result, "cannot write")


def test_training_without_photos(devise: Callable[..., Result], tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    fails(devise("train", tmp_path / "nowhere", "--out", out, "--vectors", "tiny"), "nowhere")
    fails(devise("train", tmp_path, "--out", out, "--vectors", "tiny", "--loss", "guess"), "guess", "sigmoid")
    assert not out.exists()


# Wrong usage: status 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["search"],
        ["search", "red", "--json", "--csv"],
        ["search", "red", "--csv", "-0"],
        ["search", "red", "-k", "many"],
        ["search", "red", "--colour"],
        ["sarch", "red"],
        ["tag"],
        ["train", "folder"],
        ["vectors"],
    ],
)
def test_wrong_usage(devise: Callable[..., Result], arguments: Sequence[str]) -> None:
    result = devise(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


# In a process of its own


def test_a_program_sees_one_line_and_status_1(tmp_path: Path) -> None:
    done = spawn("search", "red", "--library", tmp_path / "none", "--json")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1


def test_version() -> None:
    done = spawn("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"devise ")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path, tiny: str) -> None:
    command = f'"{sys.executable}" -m devise.cli.main words red --vectors tiny | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=ROOT, check=True)
    assert done.stdout == b"0\n"
    assert done.stderr == b""


def test_control_c_is_one_line(devise: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("devise.library.Library.search", interrupt)
    result = devise("search", "red")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_a_bug_keeps_its_traceback(devise: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*arguments: object, **more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("devise.library.Library.search", bug)
    with pytest.raises(ZeroDivisionError):
        devise("search", "red")


def test_null_implies_paths() -> None:
    assert options.form(null=True) is options.Form.NULL
    assert options.form() is options.Form.AUTO
