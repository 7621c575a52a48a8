"""Queries as people type them: signs, photos, thresholds, and what is said about those that cannot be asked."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image
from test_cli import devise, encoder, fails, indexed, tiny  # noqa: F401 (fixtures)
from typer.testing import CliRunner, Result

from devise.cli import info, preview
from devise.cli.main import app
from devise.cli.output import show
from devise.library import Library
from devise.spaces import Calibration, Space

Run = Callable[..., Result]


@pytest.fixture
def knowing(encoder: FakeEncoder, devise: Run, album: Path) -> Path:  # noqa: F811
    """A library whose model knows probabilities: 0.5 at a cosine of 0.8."""
    known = Calibration(scale=30.0, bias=-24.0, photo_scale=30.0, photo_bias=-24.0)
    words = replace(encoder.info.space("words"), calibration=known)
    encoder.info = replace(encoder.info, spaces=(words, Space(name="features", dim=48)))
    assert devise("index", album).exit_code == 0
    return album


def names(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [Path(line).stem for line in result.stdout.splitlines()]


def test_what_is_pushed_away(devise: Run, knowing: Path) -> None:  # noqa: F811
    assert names(devise("search", "red", "-k", "2", "--paths")) == ["red", "yellow"]
    without = names(devise("search", "--min-score", "0", "--paths", "--", "red", "-yellow"))
    assert without[0] == "red"
    assert without.index("yellow") > 1


def test_only_pushed_away(devise: Run, knowing: Path) -> None:  # noqa: F811
    """Photos that show least of it, best first; those that are likely to show it are no likely answers."""
    told = devise("search", "no red", "--json")
    found = json.loads(told.stdout)
    assert "nothing else is asked for: photos that show least of red come first" in told.stderr
    assert [Path(match["path"]).stem for match in found][-2:] == ["yellow", "red"]
    assert [match["score"] for match in found] == sorted((match["score"] for match in found), reverse=True)
    assert [match["certain"] for match in found] == [match["probability"] >= 0.9 for match in found]
    assert found[-1]["certain"] is False
    assert devise("search", "--json", "--", "-red").stdout == told.stdout
    assert devise("explain", knowing / "red.png", "no red").exit_code == 0


def test_either_takes_turns(devise: Run, knowing: Path) -> None:  # noqa: F811
    """More photos are red: nobody has to look through all of them to find a blue one."""
    for i in range(4):
        Image.new("RGB", (16, 16), (255, 2 * i, 0)).save(knowing / f"red{i}.png")
    assert devise("index").exit_code == 0
    assert names(devise("search", "red or blue", "-k", "3", "--paths"))[1] == "blue"
    assert names(devise("search", "blue or red", "-k", "3", "--paths"))[0] == "blue"
    three, nine = (json.loads(devise("search", "red or blue", "-k", k, "--json").stdout) for k in ("3", "9"))
    assert nine[:3] == three


def test_photos_are_terms(devise: Run, knowing: Path) -> None:  # noqa: F811
    photo = knowing / "red.png"
    assert names(devise("search", photo, "-k", "2", "--paths")) == ["red", "yellow"]
    assert names(devise("search", "red.png", "-k", "1", "--paths")) == ["red"]
    assert names(devise("search", f"{photo} + yellow", "-k", "1", "--paths")) in (["red"], ["yellow"])


def test_a_photo_with_spaces_and_signs_in_its_name(devise: Run, knowing: Path) -> None:  # noqa: F811
    odd = knowing / '-2:a "b", c.png'
    (knowing / "red.png").rename(odd)
    assert devise("index").exit_code == 0
    assert names(devise("search", "-k", "1", "--paths", "--", odd)) == [odd.stem]


def test_probabilities_and_the_least_of_them(devise: Run, knowing: Path) -> None:  # noqa: F811
    found = json.loads(devise("search", "red", "--min-score", "0", "--json").stdout)
    usual = json.loads(devise("search", "red", "--json").stdout)
    assert usual == found
    assert [set(match) for match in found] == [{"path", "score", "probability", "certain"}] * 6
    assert [match["certain"] for match in found] == [match["probability"] >= 0.1 for match in found]
    assert [match["certain"] for match in found] == sorted((match["certain"] for match in found), reverse=True)
    likely = [match["path"] for match in found if match["probability"] >= 0.5]
    assert 0 < len(likely) < 6
    assert devise("search", "red", "--min-score", "0.5", "--paths").stdout.splitlines() == likely
    nothing = devise("search", "--min-score", "0.99", "--json", "--", "red", "-red")
    assert (nothing.exit_code, nothing.stdout) == (0, "[]\n")
    assert 'no photo is 99% likely to be "red -red"' in nothing.stderr


def test_the_threshold_counts_before_the_number(devise: Run, knowing: Path) -> None:  # noqa: F811
    """Weights order photos otherwise than their probability: the likely ones must not be lost among the first k."""
    query = ["--average", "--json", "--min-score", "0.01", "--", "3:red", "blue"]
    every = json.loads(devise("search", "-k", "6", *query).stdout)
    assert json.loads(devise("search", "-k", "1", *query).stdout) == every[:1]


def test_terms_that_look_like_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show._table(show.Output(columns=("[/cat]", "a\x1b[31m"), rows=[("x", 1.0)], document=None))
    printed = capsys.readouterr().out
    assert "[/cat]" in printed
    assert "\x1b[31m" not in printed


def test_like_in_an_empty_library(devise: Run, encoder: FakeEncoder, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "empty").mkdir()
    devise("index", tmp_path / "empty", "--allow-empty")
    fails(devise("search", "red", "--like", "cat"), "run: devise index")


def test_all_or_the_average(devise: Run, knowing: Path) -> None:  # noqa: F811
    every, average = (devise("search", "red", "blue", mode, "--json").stdout for mode in ("--all", "--average"))
    assert devise("search", "red", "blue", "--json").stdout == every
    assert every != average


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (['@"red'], ["quote is not closed"]),
        (["0:red"], ["a weight is from"]),
        (["inf:red"], ["a weight is from"]),
        (["gone.jpg"], ["gone.jpg", "no such photo"]),
        (["red", "-"], ["nothing follows"]),
        (["red", "-qqq"], ["no word vector", "qqq"]),
    ],
)
def test_what_cannot_be_asked(devise: Run, knowing: Path, query: list[str], parts: list[str]) -> None:  # noqa: F811
    fails(devise("search", "--", *query), *parts)


def test_a_name_that_several_photos_have(devise: Run, knowing: Path) -> None:  # noqa: F811
    (knowing / "below" / "red.png").write_bytes((knowing / "blue.png").read_bytes() if (knowing / "blue.png").exists()
                                                else (knowing / "red.png").read_bytes())  # fmt: skip
    assert devise("index").exit_code == 0
    fails(devise("search", "red.png"), "2 photos", "give one path")


def test_a_min_score_that_is_no_probability(devise: Run, knowing: Path) -> None:  # noqa: F811
    fails(devise("search", "red", "--min-score", "2"), "from 0 to 1")


def test_like_needs_a_model_with_classes(devise: Run, knowing: Path) -> None:  # noqa: F811
    fails(devise("similar", knowing / "red.png", "--like", "cat"), "no checkpoint fake")


def test_words_can_be_weighed_too(devise: Run, indexed: Path) -> None:  # noqa: F811
    assert devise("words", "--", "red", "-green").exit_code == 0
    fails(devise("words", "red", "a.jpg"), "a.jpg is a photo")


def test_with_relative_no_absolute_path_is_told(devise, indexed, tmp_path, monkeypatch) -> None:  # noqa: F811
    (indexed / "bad.jpg").write_bytes(b"no photo")
    monkeypatch.chdir(indexed.parent)
    sheet = tmp_path / "out" / "sheet.html"
    for command in (
        ("search", "red", "--min-score", "0"),
        ("similar", indexed / "red.png"),
        ("tag", indexed, "--sure", "0", "--any-word"),
        ("index", indexed),
    ):
        more = () if command[0] == "index" else ("--html", sheet)
        for form in ((), ("--json",)):
            result = devise(*command, *more, *form, "--relative")
            assert result.exit_code == 0, result.stderr
            told = (result.stdout + result.stderr).replace(f"contact sheet: {sheet}", "")
            assert str(tmp_path) not in told
            assert "album" in told
        if more:
            page = sheet.read_text()
            assert str(tmp_path) not in page
            assert "file://" not in page
            assert 'href="../album/' in page


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("tag", "{album}/bad.jpg"), "error: album/bad.jpg: "),
        (("tag", "{album}/nowhere.jpg"), "error: album/nowhere.jpg: "),
        (("tag", "{album}/red.png", "{album}/bad.jpg"), "error: album/bad.jpg: "),
        (("similar", "{album}/nowhere.jpg"), "error: album/nowhere.jpg: "),
        (("search", "{album}/bad.jpg"), "error: album/bad.jpg: "),
        (("index", "{album}/nowhere"), "error: no such folder: album/nowhere; "),
        (("index", "/nowhere"), "error: no such folder: {root}nowhere; "),
        (("search", "red", "--library", "{album}/../none"), "error: there is no library at none; "),
    ],
)  # fmt: skip
def test_with_relative_errors_tell_none_either(devise, indexed, tmp_path, monkeypatch, command, told) -> None:  # noqa: F811
    (indexed / "bad.jpg").write_bytes(b"no photo")
    monkeypatch.chdir(tmp_path)
    root = "../" * (len(tmp_path.parts) - 1)
    result = devise(*(part.format(album=indexed) for part in command), "--relative")
    assert result.exit_code == 1
    assert str(tmp_path) not in result.output
    assert told.format(root=root) in result.stderr


def test_with_relative_a_folder_that_was_taken_away_is_told_so_too(devise, indexed, tmp_path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.chdir(indexed)
    indexed.rename(tmp_path / "away")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fails(result := devise("index", "--relative"), "no such folder: ../album; ")
    assert str(tmp_path) not in result.stderr


def test_relative_messages(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    up = "../" * (len(tmp_path.parts) - 1)
    assert (
        show.relative_paths(f'{tmp_path}/a b.jpg, "{tmp_path.parent}/c", (/d) 1/2 / e')
        == f'a b.jpg, "../c", ({up}d) 1/2 / e'
    )


def test_a_minus_needs_no_dashes_before_it(devise: Run, knowing: Path) -> None:  # noqa: F811
    plain = devise("search", "--paths", "-k", "3", "--", "red", "-yellow")
    for typed in (["red", "-yellow", "--paths", "-k", "3"], ["-k3", "--paths", "red", "-yellow"]):
        assert devise("search", *typed).stdout == plain.stdout
    assert devise("explain", knowing / "red.png", "red", "-yellow").exit_code == 0
    assert "No such option: --yellow" in devise("search", "red", "--yellow").stderr


def test_words_of_ones_own(devise: Run, knowing: Path) -> None:  # noqa: F811
    assert "there are no words of your own yet" in devise("words", "alias").stderr
    assert devise("words", "alias", "rot", "red").exit_code == 0
    found = devise("search", "rot", "--paths", "-k", "1")
    assert names(found) == ["red"]
    assert '"rot" stands for "red"' in found.stderr
    assert json.loads(devise("words", "alias", "--json").stdout) == [{"word": "rot", "meaning": "red"}]
    assert devise("words", "alias", "rot", "--remove").exit_code == 0
    assert "devise words alias rot MEANING" in devise("search", "rot").stderr
    assert devise("words", "alias", "rot", "qqqq").exit_code == 1
    assert devise("words", "near", "red", "-k", "1").stdout == devise("words", "red", "-k", "1").stdout


def test_likely_ones_then_less_certain_ones(devise: Run, knowing: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    found = json.loads(devise("search", "red", "--json").stdout)
    likely = [match["path"] for match in found if match["certain"]]
    assert 0 < len(likely) < len(found) == 6
    for form in ("--paths", "--csv", None):
        told = devise("search", "red", *filter(None, [form]))
        assert [line.split(",")[0].split("\t")[0] for line in told.stdout.splitlines() if line[0] == "/"] == likely
        assert "less certain ones are left out; --all-answers has them" in told.stderr
    assert len(devise("search", "red", "--paths", "--all-answers").stdout.splitlines()) == 6
    assert len(devise("search", "red", "--paths", "--min-score", "0").stdout.splitlines()) == 6
    unlikely = devise("search", "red", "--json", "--in", knowing / "below")
    assert [match["certain"] for match in json.loads(unlikely.stdout)] == [False]
    assert 'no photo is likely to be "red"; the nearest follow, less certain' in unlikely.stderr
    assert devise("search", "red", "--paths", "--in", knowing / "below").stdout == ""
    averaged = json.loads(devise("search", "red", "blue", "--average", "--json").stdout)
    assert all("certain" not in match for match in averaged)  # the mean has no probability to go by


def test_a_sheet_says_what_the_terminal_says(devise: Run, knowing: Path, tmp_path: Path) -> None:  # noqa: F811
    page = tmp_path / "a.html"
    devise("search", "red", "--html", page)
    html = page.read_text()
    assert html.count('<li class="parting">less certain</li>') == 1
    assert html.index(">red.<wbr>png") < html.index("less certain</li>") < html.index(">blue.<wbr>png")
    assert '<span class="score">&lt;1%</span>' in html
    nothing = devise("search", "red", "--min-score", "0.999999", "--html", page).stderr
    assert page.read_text().count("no photo is 100% likely to be &quot;red&quot;") == 1
    assert 'no photo is 100% likely to be "red"' in nothing


def test_the_browser_is_opened(devise: Run, knowing: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or False)
    told = devise("search", "red", "--open").stderr
    assert opened[0].endswith("/sheet.html")
    assert "no browser was found" in told


def test_a_photo_is_named_by_the_end_of_its_path(devise: Run, knowing: Path) -> None:  # noqa: F811
    assert devise("similar", "red.png", "--paths").stdout == devise("similar", knowing / "red.png", "--paths").stdout
    assert devise("similar", "below/blue.png", "-k", "1").exit_code == 0
    assert devise("tag", "red.png", "--sure", "0").exit_code == 0
    assert devise("explain", "red.png", "red").exit_code == 0
    assert devise("similar", "nowhere.png").exit_code == 1


def test_the_last_lines_of_indexing(devise: Run, knowing: Path, tmp_path: Path) -> None:  # noqa: F811
    for name in ("a.png", "b.png"):
        (knowing / name).write_bytes(b"no picture \xff\0")
    lines = devise("index").stderr.splitlines()
    assert lines[-2].startswith("skipped: 2 as it is damaged or no picture at all")
    assert lines[-1].startswith("6 photos in the library ")
    assert lines[-1].endswith("; search them with: devise search dog")


def test_several_photos_at_once(devise: Run, knowing: Path) -> None:  # noqa: F811
    photos = [knowing / f"{name}.png" for name in ("red", "green", "white")]
    one = json.loads(devise("similar", photos[0], "-k", "2", "--json").stdout)
    found = devise("similar", *photos, "-k", "2", "--json")
    documents = json.loads(found.stdout)
    assert [document["photo"] for document in documents] == list(map(str, photos))
    assert documents[0]["matches"] == one
    lines = devise("similar", *photos, "-k", "2", "--jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == documents
    rows = [line.split("\t") for line in devise("similar", *photos, "-k", "1").stdout.splitlines()]
    assert [row[:2] for row in rows] == [[d["photo"], d["matches"][0]["path"]] for d in documents]
    lost = devise("similar", photos[0], knowing / "lost.png", "--json")
    assert lost.exit_code == 1
    assert "lost.png: there is no such file" in lost.stderr
    assert len(json.loads(lost.stdout)) == 1
    tags = devise("tag", *photos, "--sure", "0", "--jsonl").stdout.splitlines()
    assert [json.loads(line) for line in tags] == json.loads(devise("tag", *photos, "--sure", "0", "--json").stdout)
    assert devise("similar", *photos, "--open").exit_code == 2


def test_names_from_stdin(knowing: Path) -> None:
    names = "\n".join(str(knowing / f"{name}.png") for name in ("red", "green"))
    for command in ("similar", "tag"):
        found = CliRunner().invoke(app, [command, "-", "--json"], input=names)
        assert found.exit_code == 0, found.output
        assert len(json.loads(found.stdout)) == 2
        zeros = CliRunner().invoke(app, [command, "-", "--json"], input=names.replace("\n", "\0"))
        assert zeros.stdout == found.stdout


def test_a_preview_needs_a_terminal_and_a_package(
    devise: Run,  # noqa: F811
    knowing: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("devise.cli.preview.find_spec", lambda name: None)
    fails(devise("search", "red", "--preview"), "run: pip install textual-image")
    monkeypatch.setattr("devise.cli.preview.find_spec", lambda name: name)
    fails(devise("similar", knowing / "red.png", "--preview"), "--preview shows photos on a terminal")


def test_a_preview_shows_names_and_figures(
    devise: Run,  # noqa: F811
    knowing: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = types.ModuleType("textual_image.renderable")
    module.Image = lambda photo, width, height: f"[{len(photo.read()) > 100}]"
    monkeypatch.setitem(sys.modules, "textual_image", types.ModuleType("textual_image"))
    monkeypatch.setitem(sys.modules, "textual_image.renderable", module)
    (knowing / "green.png").unlink()
    with Library() as library:
        preview.show(library.search("red", 6))
    shown = capsys.readouterr().out
    assert "red.png" in shown
    assert "<1% blue.png" in shown
    assert "there is no such file" in shown


def test_info_for_people(devise: Run, knowing: Path) -> None:  # noqa: F811
    devise("words", "alias", "rot", "red")
    document = json.loads(devise("info", "--json").stdout)
    rows = dict(info._in_short(document))
    assert rows["library"].startswith("6 photos, ")
    assert rows["folders"] == str(knowing)
    assert rows["your words"].startswith("1; ")
    assert list(rows)[:4] == ["devise", "library", "folders", "built with"]
    none = {**document, "library": {"exists": False, "path": "/x"}}
    assert dict(info._in_short(none))["library"] == "none at /x yet; run: devise index FOLDER"


def test_a_map_by_what_a_table_says(devise: Callable[..., Result], indexed: Path, tmp_path: Path) -> None:  # noqa: F811
    table = indexed / "moods.csv"
    table.write_text("path,mood,use\nred.png,warm,door\nbelow/blue.png,cold|wet,door\n")
    found = json.loads(devise("map", "--labels", table, "--by", "mood", "--json").stdout)
    groups = {group["name"]: group["photos"] for group in found["groups"]}
    assert groups == {"no label": len(found["id"]) - 2, "warm": 1, "cold": 1}
    fails(devise("map", "--labels", table, "--by", "year"), 'no groups by "year"', "likeness, folder, mood, use")
    fails(devise("map", "--labels", tmp_path / "none.csv", "--by", "mood"), "none.csv")
