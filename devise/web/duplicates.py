"""A page of duplicates: groups side by side, boxes to tick, and the list of what was ticked. It deletes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from devise.display import escaped as text
from devise.errors import counted
from devise.files import replacing
from devise.web.page import HEAD, link, thumbnail

if TYPE_CHECKING:
    from devise.reports import DuplicateGroup, DuplicatePhoto

THUMBNAIL = 360  # longest side in pixels: a card is 220 wide
AT_ONCE = 32  # groups whose thumbnails wait to be written

STYLE = """<style>
body { padding-bottom: 9rem; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .2rem; }
h2 + p { color: var(--soft); margin-bottom: 1rem; }
section.group { border-top: 1px solid var(--line); padding: 1rem 0; }
section.group > p { color: var(--soft); font-size: .85rem; margin-bottom: .6rem; }
.row { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.75rem), 1fr)); }
figure {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden;
  display: flex; flex-direction: column;
}
figure.keep { border-color: var(--accent); }
figure .photo img { object-fit: contain; object-position: center; }
figcaption { padding: .7rem .85rem .85rem; display: grid; gap: .25rem; font-size: .88rem; }
figcaption .how { color: var(--accent); font-weight: 600; }
figcaption .facts, figcaption .where { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
label { display: flex; gap: .5rem; align-items: center; margin-top: .3rem; cursor: pointer; }
input { width: 1.05rem; height: 1.05rem; accent-color: var(--accent); }
figure:has(input:checked) .photo img { opacity: .35; }
#bar {
  position: fixed; inset: auto 0 0 0; background: var(--card); border-top: 1px solid var(--line);
  padding: .8rem clamp(1.25rem, 4vw, 3.5rem); display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center;
}
#bar output { margin-right: auto; font-variant-numeric: tabular-nums; }
button {
  font: inherit; color: inherit; background: var(--chip); border: 1px solid var(--line); border-radius: 99px;
  padding: .35rem 1rem; cursor: pointer;
}
button:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
#list { display: none; width: 100%; height: 9rem; font: .8rem/1.4 ui-monospace, monospace; }
@media print { #bar { display: none; } section.group { break-inside: avoid; } }
</style>
"""
BAR = """<div id="bar">
<output id="count"></output>
<button type="button" id="show">Show the list</button>
<button type="button" id="save">Save the list</button>
<button type="button" id="none">Tick none</button>
<textarea id="list" readonly aria-label="paths of the photos that are ticked"></textarea>
</div>
<script>
const boxes = [...document.querySelectorAll("input[type=checkbox]")], list = document.getElementById("list");
const ticked = () => boxes.filter(box => box.checked);
function update() {
  const some = ticked(), bytes = some.reduce((sum, box) => sum + Number(box.dataset.bytes), 0);
  document.getElementById("count").textContent =
    `${some.length} ticked, ${(bytes / 1e6).toLocaleString("en", {maximumSignificantDigits: 3})} MB`;
  list.value = some.map(box => box.value).join("\\n");
}
document.addEventListener("change", update);
document.getElementById("none").onclick = () => { boxes.forEach(box => { box.checked = false; }); update(); };
document.getElementById("show").onclick = () => {
  list.style.display = list.style.display === "block" ? "none" : "block"; list.select();
};
document.getElementById("save").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([list.value + "\\n"], {type: "text/plain"}));
  link.download = "duplicates.txt"; link.click(); URL.revokeObjectURL(link.href);
};
update();
</script>
"""
FOOT = """</main>
<footer>Made by devise, which deletes nothing. A picture opens its original.</footer>
</body>
</html>
"""
KINDS = {
    "same": ("The same picture", "Saved again, resized or in another format. All but the best are ticked."),
    "near": ("Nearly the same", "Brighter, in other colours, with something on it, mirrored or turned."),
    "similar": ("Alike", "Bursts, crops, and photos of one thing: look before you tick."),
}


def write(file: Path, groups: Sequence[DuplicateGroup], *, relative: bool = False) -> None:
    """Write the page whole or not at all; groups of one kind stand together. Raises WriteError.

    A photo that cannot be read keeps its place, with the reason in it. relative: no path is absolute.
    """
    base = Path.cwd() / file.parent if relative else None
    spare = sum(len(group.others) for group in groups)
    count = f"{counted(len(groups), 'group')}, {counted(spare, 'photo')} beside those to keep"
    with (
        replacing(file) as temporary,
        temporary.open("w", encoding="utf-8") as page,
        ThreadPoolExecutor() as threads,
    ):
        page.write(HEAD.format(title="Duplicates", count=count) + STYLE)
        for kind, some in groupby(groups, key=lambda group: group.kind):
            heading, said = KINDS[kind]
            page.write(f"<h2>{heading}</h2><p>{said}</p>\n")
            each = list(some)
            for start in range(0, len(each), AT_ONCE):
                page.writelines(threads.map(lambda group: _group(group, base), each[start : start + AT_ONCE]))
        page.write(BAR + FOOT)


def _group(group: DuplicateGroup, base: Path | None) -> str:
    return "".join(_lines(group, base))


def _lines(group: DuplicateGroup, base: Path | None) -> Iterator[str]:
    yield f'<section class="group"><div class="row">{_card(group, group.keep, base)}'
    yield from (_card(group, photo, base) for photo in group.others)
    yield "</div></section>\n"


def _card(group: DuplicateGroup, photo: DuplicatePhoto, base: Path | None) -> str:
    """One photo. Of the same picture all but the best are ticked; of others a person has to look first."""
    path, is_best = Path(photo.path).absolute(), photo is group.keep
    ticked = " checked" if group.kind == "same" and not is_best else ""
    name = link(path, base)
    shown = name.split('title="', 1)[1][:-1]  # as the link has it
    how = f"keep: {group.why}" if is_best else photo.how
    facts = [_pixels(photo.pixels), _bytes(photo.bytes), (photo.taken or "")[:10]]
    return (
        f'<figure class="{"keep" if is_best else "other"}"><a {name}>'
        f'<div class="photo">{thumbnail(photo.path, path.name, size=THUMBNAIL)}</div></a>'
        f'<figcaption><span class="how">{text(how)}</span><span class="name">{text(path.name)}</span>'
        f'<span class="facts">{" · ".join(fact for fact in facts if fact)}</span>'
        f'<span class="where">{shown}</span>'
        f"{_box(shown if base else escape(str(path)), photo, ticked)}</figcaption></figure>"
    )


def _box(listed: str, photo: DuplicatePhoto, ticked: str) -> str:
    """None for a name that a line of text cannot hold, or that is no UTF-8: another file might be meant by it."""
    if not photo.path.isprintable():
        return '<span class="where">its name fits in no list; see devise duplicates -0</span>'
    box = f'<input type="checkbox" value="{listed}" data-bytes="{photo.bytes}"{ticked}>'
    return f"<label>{box}may go</label>"


def _pixels(count: int) -> str:
    return f"{count / 1e6:.1f} megapixels" if count >= 1e5 else f"{count:,} pixels" if count else ""


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"
