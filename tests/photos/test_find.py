"""Walking folders: every photo once, in the same order, nothing skipped in silence."""

from __future__ import annotations

import os
import random
import sys
import time

import pytest
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from devise.errors import FolderError
from devise.photos import Found, Trouble, find
from devise.photos.ignore import Pattern


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(folder, *more, **options):
    entries = list(find([folder, *more], **options))
    return [os.path.relpath(entry.path, folder) for entry in entries if isinstance(entry, Found)]


def troubles(folder):
    return [entry for entry in find([folder]) if isinstance(entry, Trouble)]


def test_sorted_photos_with_their_stat(tmp_path):
    make(tmp_path, "b.JPG", "a.png", "sub/z.webp", "notes.txt", "film.mp4", "another/c.tiff")
    assert names(tmp_path) == ["a.png", "b.JPG", "another/c.tiff", "sub/z.webp"]
    first = next(iter(find([tmp_path])))
    status = (tmp_path / "a.png").stat()
    assert first == Found(str(tmp_path / "a.png"), 1, status.st_mtime_ns)


def test_hidden_and_thumbnail_folders_are_left_out(tmp_path):
    make(tmp_path, "a.jpg", ".b.jpg", ".hidden/c.jpg", "@eaDir/d.jpg", "#recycle/e.jpg", "x.lrdata/f.jpg")
    make(tmp_path, "$RECYCLE.BIN/g.jpg", "__MACOSX/h.jpg", "P.photoslibrary/originals/i.jpg")
    make(tmp_path, "P.photoslibrary/resources/derivatives/j.jpg")
    assert names(tmp_path) == ["a.jpg", "P.photoslibrary/originals/i.jpg"]


def test_a_hidden_folder_asked_for_is_walked(tmp_path):
    make(tmp_path, ".hidden/c.jpg")
    assert names(tmp_path / ".hidden") == ["c.jpg"]


def test_ignore_files_follow_gitignore(tmp_path):
    make(
        tmp_path,
        "a.jpg",
        "b.png",
        "private/c.jpg",
        "sub/private/d.jpg",
        "sub/e.png",
        "sub/keep.png",
        "sub/f/g.png",
    )
    (tmp_path / ".deviseignore").write_text("# not for the library\n/private/\n*.png\n")
    (tmp_path / "sub/.deviseignore").write_text("!keep.png\n")
    assert names(tmp_path) == ["a.jpg", "sub/keep.png", "sub/private/d.jpg"]
    assert names(tmp_path, exclude=["sub/"]) == ["a.jpg"]


@pytest.mark.parametrize("rule", ["*a" * 30 + "*b", "**/a*/" * 12 + "b", "?*" * 30 + "b"])
def test_no_rule_takes_for_ever(tmp_path, rule):
    deep = "a/" * 60 + "a" * 200 + ".jpg"
    started = time.monotonic()
    assert Pattern(rule).match_file(deep) is None
    assert Pattern(rule).match_file("a" * 200 + ".jpg") is None
    make(tmp_path, "a" * 200 + ".jpg")
    (tmp_path / ".deviseignore").write_text(rule)
    assert len(names(tmp_path)) == 1
    assert time.monotonic() - started < 5


def test_rules_say_what_those_of_pathspec_say():
    chance = random.Random(0)
    count = 0
    for _ in range(2_000):
        pieces = ["a", "b", "*", "**", "/", "/**/", "?", "[ab]", "[]a]", "\\*", "."]
        rule = "".join(chance.choices(pieces, [2, 2, 3, 1, 2, 2, 1, 1, 1, 1, 1], k=chance.randint(1, 9)))
        ours, theirs = Pattern(rule), GitIgnoreSpecPattern(rule)
        for _ in range(10):
            path = "/".join(
                "".join(chance.choices("aab.*", k=chance.randint(1, 4))) for _ in range(chance.randint(1, 5))
            )
            found = [each.match_file(path) for each in (ours, theirs)]
            count += found[1] is not None
            ends = [each and each.match.groupdict() for each in found]
            assert ends[0] == ends[1], (rule, path)
    assert count > 500


def test_an_unreadable_ignore_file_hides_its_folder(tmp_path):
    make(tmp_path, "a.jpg", "sub/b.jpg")
    (tmp_path / "sub/.deviseignore").mkdir()
    assert names(tmp_path) == ["a.jpg"]
    assert [trouble.hides for trouble in troubles(tmp_path)] == [False, True]


def test_heic_and_raw_are_reported_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("devise.photos.formats.heif", lambda: False)
    monkeypatch.setattr("devise.photos.formats.raw", lambda: False)
    make(tmp_path, "a.HEIC", "b.cr2", "c.dng", "d.xcf")
    assert [os.path.basename(trouble.path) for trouble in troubles(tmp_path)] == [
        "a.HEIC",
        "b.cr2",
        "c.dng",
        "d.xcf",
    ]
    assert all("export it as JPEG" in trouble.reason for trouble in troubles(tmp_path))


def test_loops_of_links_end_and_links_outside_are_followed(tmp_path):
    make(tmp_path, "album/a.jpg", "album/sub/b.jpg", "elsewhere/c.jpg")
    album = tmp_path / "album"
    (album / "sub/up").symlink_to(album)
    (album / "above").symlink_to(tmp_path)
    (album / "inside").symlink_to(album / "sub")
    (album / "out").symlink_to(tmp_path / "elsewhere")
    (album / "out2").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(album)
    (album / "self.jpg").symlink_to(album / "self.jpg")
    (album / "linked.jpg").symlink_to(tmp_path / "elsewhere/c.jpg")
    assert names(album) == ["a.jpg", "linked.jpg", "out/c.jpg", "sub/b.jpg"]
    assert [os.path.basename(trouble.path) for trouble in troubles(album)] == ["self.jpg"]


def test_a_dangling_link_is_reported(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere")
    (trouble,) = troubles(tmp_path)
    assert trouble.hides
    assert "leads nowhere" in trouble.reason


def test_overlapping_folders_and_files_give_each_photo_once(tmp_path):
    make(tmp_path, "a.jpg", "sub/b.jpg")
    assert names(tmp_path, tmp_path / "sub", tmp_path, tmp_path / "a.jpg") == ["a.jpg", "sub/b.jpg"]
    assert names(tmp_path / "sub", tmp_path / "sub/b.jpg") == ["b.jpg"]


def test_a_single_file(tmp_path):
    make(tmp_path, "a.jpg", "b.jxl")
    assert [type(entry) for entry in find([tmp_path / "a.jpg", tmp_path / "b.jxl"])] == [Found, Trouble]


def test_missing_folders_are_all_named(tmp_path):
    with pytest.raises(FolderError, match=r"one.*two.*check the spelling"):
        list(find([tmp_path / "one", tmp_path / "two"]))


def test_vanishing_files_and_folders_are_survived(tmp_path, monkeypatch):
    make(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg", "z/d.jpg")
    walk = find([tmp_path])
    assert os.path.basename(next(walk).path) == "a.jpg"
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "sub/c.jpg").unlink()
    (tmp_path / "sub").rmdir()
    rest = list(walk)
    assert [os.path.basename(entry.path) for entry in rest] == ["b.jpg", "sub", "d.jpg"]
    assert [entry.hides for entry in rest if isinstance(entry, Trouble)] == [True, True]  # unknown, not gone


def test_a_folder_without_permission_is_reported_and_hides_its_photos(tmp_path, monkeypatch):
    make(tmp_path, "a.jpg", "locked/b.jpg", "z.jpg")
    real = os.scandir

    def scandir(path):  # root may read everything, so the refusal is played
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    entries = list(find([tmp_path]))
    assert [type(entry) for entry in entries] == [Found, Found, Trouble]
    assert entries[2].hides
    assert "permission denied; check" in entries[2].reason


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes as a name")
def test_names_that_are_no_utf8(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(raw, "wb") as file:
        file.write(b"x")
    (found,) = find([tmp_path])
    assert os.fsencode(found.path) == raw


def test_a_very_deep_tree(tmp_path):
    folder = tmp_path
    for _ in range(150):
        folder = folder / "d"
    make(folder, "a.jpg")
    assert len(names(tmp_path)) == 1


def test_pipes_and_folders_named_like_photos(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    make(tmp_path, "folder.jpg/a.jpg")
    assert names(tmp_path) == ["folder.jpg/a.jpg"]


@pytest.mark.parametrize(
    "folder",
    [
        *("$RECYCLE.BIN", "$Recycle.Bin", "#recycle", "#Recycle", "@Recycle", "@recycle", "RECYCLER", "Recycled"),
        *(
            "@Recently-Snapshot",
            "@recently-snapshot",
            "#snapshot",
            "LOST.DIR",
            "lost.dir",
            "lost+found",
            "Network Trash Folder",
            "$Windows.~BT",
            "temporary items",
            "@ShareBin",
            "FOUND.000",
        ),
        *("System Volume Information", "SYSTEM VOLUME INFORMATION", "@eaDir", "@EADIR", "__MACOSX", ".Trash-1000"),
        *("Catalog Previews.lrdata", "a/Photos.photoslibrary/resources", "Photos.PhotosLibrary/Database"),
        *("iPhoto Library/Thumbnails", "a/Old.photolibrary/Thumbnails", "Aperture.aplibrary/thumbnails"),
    ],
)
def test_folders_of_programs_in_any_spelling(tmp_path, folder):
    for place in (folder, f"deep/{folder}/x"):
        (tmp_path / place).mkdir(parents=True)
        make(tmp_path / place, "a.jpg")
    make(tmp_path, "b.jpg")
    assert [os.path.relpath(found.path, tmp_path) for found in find([tmp_path])] == ["b.jpg"]


@pytest.mark.parametrize("folder", ["recycle", "found.photos", "Thumbnails", "snapshot", "RECYCLER 2", "lost"])
def test_folders_of_people_stay(tmp_path, folder):
    (tmp_path / folder).mkdir()
    make(tmp_path / folder, "a.jpg")
    assert len(list(find([tmp_path]))) == 1
