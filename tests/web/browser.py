"""The pages in a real browser: `make test-web`. Not among the quick tests, which need no browser."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEncoder
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import SETTINGS, Client, serving
from test_guard import HOSTILE
from test_library import write_words

from devise.library import Library

WIDTHS = {"phone": (390, 844), "tablet": (834, 1112), "desk": (1440, 900)}
PATIENCE_MS = 60_000  # of a machine that does other things
expect.set_options(timeout=PATIENCE_MS)
PAGES = ("", "?q=red", "map", "tags", "duplicates", "library", "nowhere")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of the system where there is one; else the one that `playwright install chromium` brings."""
    found = os.environ.get("DEVISE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=3 * PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, client: Client) -> Iterator[Page]:
    """The first page, with everything that goes wrong in it told at the end."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{client.port}/", permissions=["clipboard-read"])
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    opened.on("dialog", lambda dialog: broken.append(f"a dialog: {dialog.message}"))
    opened.on("console", lambda message: "Content Security Policy" in message.text and broken.append(message.text))
    opened.goto("")
    expect(opened.locator(".tile.loaded").first).to_be_visible()
    yield opened
    context.close()
    assert broken == []


def names(page: Page) -> list[str]:
    return [image.get_attribute("alt") or "" for image in page.locator(".tile img:not(.heat)").all()]


def search(page: Page, words: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")
    expect(page.locator(".tile .score").first).to_be_visible()


def test_searching_and_opening_by_keys_alone(page: Page) -> None:
    assert len(names(page)) == 6
    search(page, "red")
    assert names(page)[0] == "red.png"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("dialog h2")).to_have_text("red.png")
    page.keyboard.press("ArrowRight")
    expect(page.locator("dialog h2")).not_to_have_text("red.png")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()
    page.go_back()
    expect(page.locator(".tile .score")).to_have_count(0)


def test_an_unknown_word_is_told(page: Page) -> None:
    page.fill("#q", "zzyzzx")
    page.keyboard.press("Enter")
    expect(page.locator(".empty h2")).to_contain_text("zzyzzx")


def test_a_photo_that_is_dropped(page: Page, album: Path) -> None:
    data = base64.b64encode((album / "green.png").read_bytes()).decode()
    page.evaluate(
        """(data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const carried = new DataTransfer();
          carried.items.add(new File([bytes], "green.png", { type: "image/png" }));
          for (const type of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true }));
        }""",
        data,
    )
    expect(page.locator("#asked-photo img")).to_be_visible()
    expect(page.locator(".tile .score").first).to_be_visible()
    assert "green.png" not in names(page)


def test_marking_and_undoing(page: Page) -> None:
    search(page, "green")
    first = names(page)[0]
    page.locator(".tile .open").first.click()
    page.get_by_role("button", name="Bad").first.click()
    expect(page.locator(".toast")).to_contain_text("no longer shown")
    assert first not in names(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.tile img[alt="{first}"]')).to_be_visible()


def test_picking_and_going_on_from_photo_to_photo(page: Page) -> None:
    page.locator(".tile .open").first.focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator(".picked-bar strong")).to_have_text("2 photos")
    with page.expect_download() as download:
        page.get_by_role("button", name="Zip").click()
    assert download.value.suggested_filename == "photos.zip"
    page.keyboard.press("Escape")
    expect(page.locator(".picked-bar")).not_to_be_visible()
    for _ in range(2):
        page.locator(".tile .open").first.click()
        page.get_by_role("button", name="Looks", exact=True).click()
        page.wait_for_url("**/?like=*")
        expect(page.locator("dialog")).not_to_be_visible()
    assert page.locator(".trail li").count() == 3
    page.locator(".trail a").first.click()
    expect(page.locator(".trail li")).to_have_count(0)


def test_the_map_by_folder(page: Page, album: Path) -> None:
    page.goto("map")
    page.get_by_label("Coloured by").select_option("folder")
    expect(page.locator(".legend .chip").first).to_have_text(f"{album.name}5")
    expect(page.locator(".layer .name").first).to_have_text(album.name)


def test_photos_that_come_are_told(page: Page, library: Library, album: Path) -> None:
    Image.new("RGB", (30, 30), (9, 9, 80)).save(album / "new.png")
    library.refresh([album / "new.png"])
    page.get_by_role("button", name="Show").click()
    expect(page.locator('.tile img[alt="new.png"]')).to_be_visible()


def test_runs_that_find_nothing_are_told(page: Page) -> None:
    """However quick they are: between two looks at how far they are, all of it has happened."""
    page.goto("library")
    for _ in range(2):
        page.get_by_role("button", name="Bring it up to date").click()
        toast = page.locator(".toast").get_by_text("The library is up to date")
        expect(toast).to_be_visible()
        expect(toast).to_be_hidden()


def test_a_server_that_ends_is_told(browser: Browser, library: Library, tmp_path: Path) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    with serving(library, tmp_path / "thumbnails") as client:
        page.goto(f"http://127.0.0.1:{client.port}/")
        expect(page.locator(".tile.loaded").first).to_be_visible()
    expect(page.locator("#status")).to_contain_text("The server does not answer")
    page.fill("#q", "red")
    page.keyboard.press("Enter")
    expect(page.locator(".empty h2")).to_have_text("the server does not answer")
    page.close()


def test_an_address_that_leads_nowhere(page: Page) -> None:
    page.goto("nowhere")
    expect(page.locator("h1")).to_have_text("There is nothing here")
    page.get_by_role("link", name="All photos", exact=True).click()
    expect(page.locator(".tile.loaded").first).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_width_and_scheme(browser: Browser, client: Client, width: str, scheme: str) -> None:
    """Nothing sticks out sideways, and axe finds nothing that keeps people out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)  # axe puts its script in
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    for path in PAGES:
        page.goto(f"http://127.0.0.1:{client.port}/{path}")
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        found = axe.run(page)
        serious = [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
        assert serious == [], f"{path}: {found.generate_report()}"
    context.close()


def test_hostile_names_are_shown_as_they_are(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for at, name in enumerate(HOSTILE):
        Image.new("RGB", (40, 30), (60 * at, 9, 9)).save(folder / name)
        (folder / f"{name}.txt").write_text("<script>alert(2)</script><img src=x onerror=alert(3)>")
    with Library(tmp_path / "hostile", settings=SETTINGS) as library:
        library.index([folder], model=FakeEncoder(vectors_fingerprint=write_words()))
        with serving(library, tmp_path / "thumbnails") as client:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            alarms: list[str] = []
            page.on("dialog", lambda dialog: alarms.append(dialog.message))
            for path in PAGES:
                page.goto(f"http://127.0.0.1:{client.port}/{path}")
                page.wait_for_timeout(400)
            page.goto(f"http://127.0.0.1:{client.port}/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(4)%3E")
            page.goto(f"http://127.0.0.1:{client.port}/")
            for number in range(len(HOSTILE)):
                page.locator(".tile .open").nth(number).click()
                page.wait_for_timeout(200)
                page.keyboard.press("Escape")
            assert alarms == []
            assert page.locator("main script, dialog script").count() == 0
