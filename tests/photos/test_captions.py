"""Captions and keywords: every schema of XMP, EXIF's comments, PNG's chunks, sidecars in any encoding and case."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from devise.photos import Found, details, find
from devise.photos.decode import plain, wide
from devise.photos.generators import prompt

PREFIXES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
}


def packet(inner: str, attributes: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in PREFIXES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description {spaces} {attributes}>'
        f'{inner}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def bag(name: str, *values: str) -> str:
    return f"<{name}><rdf:Bag>{''.join(f'<rdf:li>{value}</rdf:li>' for value in values)}</rdf:Bag></{name}>"


def drawn(path: Path, **options: object) -> Path:
    Image.new("RGB", (8, 8)).save(path, **options)
    return path


def text(path: Path) -> str:
    (found,) = (found for found in find([path]) if isinstance(found, Found))
    return details(str(path), beside=found.beside).text


FACE = (
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description {}>{}'
    "</rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
)
SCHEMAS = [
    (bag("dc:subject", "heron", "reeds"), "heron\nreeds"),
    (
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">by the lake</rdf:li></rdf:Alt></dc:description>',
        "by the lake",
    ),
    (bag("lr:hierarchicalSubject", "places|Garda|lake"), "places Garda lake"),
    (bag("digiKam:TagsList", "people/Ada"), "people Ada"),
    (bag("MicrosoftPhoto:LastKeywordXMP", "people/Ada"), "people Ada"),
    (bag("Iptc4xmpExt:PersonInImage", "Ada Lovelace"), "Ada Lovelace"),
    (FACE.format("", "<mwg-rs:Name>Ada</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>"), "Ada"),
    (FACE.format('mwg-rs:Name="Ada" mwg-rs:Type="Face"', ""), "Ada"),
    ('<MP:RegionInfo><rdf:Description MPReg:PersonDisplayName="Ada"/></MP:RegionInfo>', "Ada"),
    ("<xmp:Label>Second choice</xmp:Label>", "Second choice"),
    (
        "<acdsee:categories>&lt;Categories&gt;&lt;Category Assigned=&quot;1&quot;&gt;lake&lt;/Category&gt;"
        "&lt;/Categories&gt;</acdsee:categories>",
        "lake",
    ),
    ('<crs:Look crs:Name="Adobe Color"/>', ""),  # how it was developed
]


@pytest.mark.parametrize(("inner", "said"), SCHEMAS)
def test_xmp_within_a_photo_and_beside_it(tmp_path: Path, inner: str, said: str) -> None:
    assert text(drawn(tmp_path / "in.jpg", xmp=packet(inner))) == said
    (tmp_path / "beside.xmp").write_bytes(packet(inner))
    assert text(drawn(tmp_path / "beside.jpg")) == said.replace("\n", " ")


@pytest.mark.parametrize("namespace", [PREFIXES["MicrosoftPhoto"].rstrip("/"), PREFIXES["MicrosoftPhoto"]])
def test_namespaces_with_and_without_their_end(tmp_path: Path, namespace: str) -> None:
    """exiftool writes Microsoft's without it."""
    inner = packet(bag("MicrosoftPhoto:LastKeywordXMP", "people/Ada"))
    inner = inner.replace(PREFIXES["MicrosoftPhoto"].encode() + b'"', namespace.encode() + b'"')
    assert text(drawn(tmp_path / "a.jpg", xmp=inner)) == "people Ada"


@pytest.mark.parametrize("kind", ["GIF", "JPEG2000"])
def test_xmp_that_pillow_leaves_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.gif"
    Image.new("RGB", (8, 8)).save(path, kind)
    data = path.read_bytes()
    inner = packet(bag("dc:subject", "heron"))
    if kind == "GIF":
        data = data[:-1] + b"!\xff\x0bXMP DataXMP" + inner + b"\1" + bytes(range(255, -1, -1)) + b"\0;"
    else:
        data += (len(inner) + 24).to_bytes(4) + b"uuid" + bytes(16) + inner
    path.write_bytes(data)
    assert text(path) == "heron"


IPTC = b"\x1c\x02\x19\0\5heron" + b"\x1c\x02\x3e\0\x0820090102" + b"\x1c\x02\x3f\0\x0b030405+0100"


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + number.to_bytes(2) + b"\0\0" + len(data).to_bytes(4) + data + bytes(len(data) % 2)


THUMBNAIL = resource(0x040C, bytes(range(32)))  # which holds the byte that records of IPTC begin with


def tiff_with(tag: int, kind: int, data: bytes, order: str = "<") -> bytes:
    """A grey pixel, and data in a tag whose type is bytes (1), bytes of no meaning (7) or numbers of 32 bits (4)."""
    unit = {1: 1, 7: 1, 4: 4}[kind]
    data += bytes(-len(data) % unit)
    tags = [(256, 4, 1), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, 1), (279, 4, 1)]
    entries = b"".join(
        struct.pack(order + "HHI", number, form, 1) + struct.pack(order + {4: "I", 3: "Hxx"}[form], value)
        for number, form, value in tags
    )
    place = 10 + 12 * (len(tags) + 1) + 4
    entries += struct.pack(order + "HHII", tag, kind, len(data) // unit, place)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(tags) + 1) + entries + bytes(4) + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_iptc_in_a_tiff_as_numbers_of_32_bits(tmp_path: Path, order: str) -> None:
    """The bytes stand as they are, whatever the order of the file's own numbers."""
    (tmp_path / "a.tif").write_bytes(tiff_with(0x83BB, 4, IPTC, order))
    told = details(str(tmp_path / "a.tif"))
    assert (told.text, told.taken) == ("heron", "2009-01-02T03:04:05")


@pytest.mark.parametrize("kind", [1, 7, 4])
@pytest.mark.parametrize("end", [b"", b"8BIM", b"8BIM\4\4\0", b"8BIM\4\5\xff\0\0\0\0\0"])
def test_photoshops_resources_in_a_tiff_of_any_type(tmp_path: Path, kind: int, end: bytes) -> None:
    data = THUMBNAIL + resource(0x0404, IPTC) + end
    (tmp_path / "a.tif").write_bytes(tiff_with(0x8649, kind, data))
    told = details(str(tmp_path / "a.tif"))
    assert (told.text, told.taken) == ("heron", "2009-01-02T03:04:05")


def test_time_for_what_repeats_itself_grows_with_its_size(tmp_path: Path) -> None:
    """Half a megabyte of packets without an end, and of empty resources, took a minute and a second."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.gif")
    data = (tmp_path / "a.gif").read_bytes()
    block = b"\xfc" + b"<x:xmpmeta b" * 21
    (tmp_path / "a.gif").write_bytes(data[:-1] + b"!\xfe" + block * 2000 + b"\0;")
    (tmp_path / "a.tif").write_bytes(tiff_with(0x8649, 1, resource(1, b"") * 300_000))
    start = time.process_time()
    for name in ("a.gif", "a.tif"):
        details(str(tmp_path / name))
    assert time.process_time() - start < 3


@pytest.mark.parametrize("suffix", [".jpg", ".gif"])
def test_comments_of_people_and_of_programs(tmp_path: Path, suffix: str) -> None:
    assert text(drawn(tmp_path / f"a{suffix}", comment="a heron in the reeds")) == "a heron in the reeds"
    for written in ("Created with GIMP", "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 85", "*"):
        assert text(drawn(tmp_path / f"a{suffix}", comment=written)) == ""


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_xmp_in_every_container(tmp_path: Path, suffix: str) -> None:
    xmp = packet(bag("dc:subject", "heron"))
    options: dict[str, object] = {"xmp": xmp}
    if suffix == ".png":
        chunk = PngImagePlugin.PngInfo()
        chunk.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": chunk}
    elif suffix == ".tif":
        options = {"tiffinfo": {700: xmp}}
    assert text(drawn(tmp_path / f"a{suffix}", **options)) == "heron"


def test_properties_as_attributes(tmp_path: Path) -> None:
    assert text(drawn(tmp_path / "a.jpg", xmp=packet("", 'xmp:Label="Red" crs:Exposure="1"'))) == "Red"


def test_a_damaged_packet_says_what_stands_before_the_damage(tmp_path: Path) -> None:
    (tmp_path / "a.xmp").write_bytes(packet(bag("dc:subject", "heron") + "<dc:title>")[:-60])
    assert text(drawn(tmp_path / "a.jpg")) == "heron"


@pytest.mark.parametrize("name", ["a.xmp", "a.jpg.xmp", "a.XMP", "A.Xmp", "a.JPG.xmp"])
def test_names_of_xmp_sidecars(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packet(bag("dc:subject", "heron")))
    (tmp_path / "b.jpg").write_bytes(drawn(tmp_path / "a.jpg").read_bytes())
    assert text(tmp_path / "a.jpg") == "heron"
    assert text(tmp_path / "b.jpg") == ""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(path: Path, *chunks: tuple[bytes, bytes], late: bool) -> Path:
    """A PNG with these chunks before or behind its pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    data = buffer.getvalue()
    place = data.index(b"IEND") - 4 if late else data.index(b"IDAT") - 4
    path.write_bytes(data[:place] + b"".join(chunk(*one) for one in chunks) + data[place:])
    return path


def exif_bytes(date: str = "2009:01:02 03:04:05") -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "a boat"
    exif.get_ifd(0x8769)[0x9003] = date
    return exif.tobytes()[6:]


@pytest.mark.parametrize("late", [False, True])
def test_chunks_of_a_png_wherever_they_stand(tmp_path: Path, late: bool) -> None:
    xmp = packet(bag("dc:subject", "heron"))
    path = with_chunks(
        tmp_path / "a.png",
        (b"tEXt", b"Description\0Z\xc3\xbcrich"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"by night")),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        (b"iTXt", b"Title\0\x01\0\0\0" + zlib.compress("Überfahrt".encode())),
        (b"eXIf", exif_bytes()),
        (b"tEXt", b"Software\0a program"),
        late=late,
    )
    assert text(path).split("\n") == ["Zürich", "by night", "Überfahrt", "a boat", "heron"]
    assert details(str(path)).taken == "2009-01-02T03:04:05"
    assert details("a.png", path.read_bytes()) == details(str(path))


def test_profiles_as_imagemagick_writes_them(tmp_path: Path) -> None:
    data = b"Exif\0\0" + exif_bytes()
    profile = b"\nexif\n%8d\n" % len(data) + data.hex().encode() + b"\n"
    path = with_chunks(tmp_path / "a.png", (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)), late=False)
    assert text(path) == "a boat"


def test_profiles_as_exiftool_writes_them(tmp_path: Path) -> None:
    """The name has two words, and IPTC is within Photoshop's resources."""
    data = THUMBNAIL + resource(0x0404, IPTC)
    profile = b"\nIPTC profile\n%8d\n" % len(data) + data.hex().encode() + b"\n"
    path = with_chunks(tmp_path / "a.png", (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile)), late=False)
    assert text(path) == "heron"


def test_a_chunk_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    bomb = zlib.compress(b"a" * 50_000_000, 9)
    path = with_chunks(tmp_path / "a.png", (b"zTXt", b"Comment\0\0" + bomb), (b"tEXt", b"Title\0x"), late=False)
    assert len(text(path)) <= 20_000


PARAMETERS = (
    "a red (fox:1.2) in snow <lora:detail:0.8>\nNegative prompt: cat, blurry\nSteps: 20, Sampler: Euler, Size: 8x8"
)
COMFY = {
    "3": {"class_type": "KSampler", "inputs": {"positive": ["6", 0], "negative": ["7", 0], "seed": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "cat, blurry", "clip": ["4", 1]}},
}


@pytest.mark.parametrize(
    ("key", "written", "said"),
    [
        ("parameters", PARAMETERS, "a red fox in snow"),
        ("prompt", json.dumps(COMFY), "a red fox"),
        ("invokeai_metadata", json.dumps({"positive_prompt": "a red fox", "negative_prompt": "cat"}), "a red fox"),
        ("Comment", json.dumps({"prompt": "a red fox", "uc": "cat", "steps": 28}), "a red fox"),
        ("Comment", "a picnic (Ada)", "a picnic (Ada)"),
        ("workflow", json.dumps({"nodes": []}), ""),
    ],
)
def test_parameters_of_image_generators(tmp_path: Path, key: str, written: str, said: str) -> None:
    assert text(with_chunks(tmp_path / "a.png", (b"tEXt", f"{key}\0{written}".encode()), late=False)) == said


def test_the_graph_that_comfyui_writes_into_a_webp(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = "prompt:" + json.dumps(COMFY), 'workflow:{"nodes": []}'
    assert text(drawn(tmp_path / "a.webp", exif=exif)) == prompt(json.dumps(COMFY))


def test_prompts_that_are_none() -> None:
    assert prompt("{") == "{"
    assert prompt("[" * 100_000) == "[" * 100_000
    assert prompt(json.dumps({"sensor_type": "rear", "zoom": 1})) == ""


def with_comment(path: Path, order: str, comment: bytes) -> Path:
    """A JPEG whose EXIF of that byte order holds a UserComment."""
    ifd = struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(order + "I", 0)
    inner = struct.pack(order + "HHHII", 1, 0x9286, 7, len(comment), 44) + struct.pack(order + "I", 0)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return drawn(path, exif=b"Exif\0\0" + head + ifd + inner + comment)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("said", ["sunset over Zürich", "家族写真の夕焼け", "закат"])
def test_user_comments_in_either_byte_order(tmp_path: Path, order: str, encoding: str, said: str) -> None:
    comment = b"UNICODE\0" + said.encode(encoding)
    assert text(with_comment(tmp_path / "a.jpg", order, comment)) == said


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0sunset",
        b"Unicode\0sunset",
        b"ASCII\0\0\0sunset",
        b"\0" * 8 + b"sunset",
        b"ASCII\0\0\0sunset\0\0\0",
        b"JIS\0\0\0\0\0sunset",
        b"sunset",
    ],
)
def test_user_comments_in_other_character_sets(tmp_path: Path, comment: bytes) -> None:
    assert text(with_comment(tmp_path / "a.jpg", "<", comment)) == "sunset"


def test_xmp_in_several_segments(tmp_path: Path) -> None:
    """What is longer than 64 KB stands in further segments, in whatever order."""
    inner = packet(f"<dc:description>{'x' * 70_000}</dc:description><dc:subject>lighthouse</dc:subject>")
    parts = [inner[start : start + 40_000] for start in range(0, len(inner), 40_000)]
    data = drawn(tmp_path / "a.jpg", xmp=packet("<dc:title>harbour</dc:title>")).read_bytes()
    for number, part in enumerate(parts):
        head = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", len(inner), 40_000 * number)
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(head + part) + 2) + head + part + data[2:]
    (tmp_path / "a.jpg").write_bytes(data)
    said = [one.text for one in details(str(tmp_path / "a.jpg")).said]
    assert said[0] == "harbour"
    assert said[-1] == "lighthouse"


def test_a_description_in_utf_8(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Überfahrt nach Zürich 東京".encode()
    assert text(drawn(tmp_path / "a.jpg", exif=exif)) == "Überfahrt nach Zürich 東京"


SAID = "Überfahrt nach Zürich"


@pytest.mark.parametrize(
    "data",
    [
        *(SAID.encode(), b"\xef\xbb\xbf" + SAID.encode(), SAID.encode("utf-16"), SAID.encode("utf-16-le")),
        *(SAID.encode("utf-16-be"), b"\xfe\xff" + SAID.encode("utf-16-be"), SAID.encode("cp1252")),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.TXT", "a.jpg.txt", "a.md", "a.caption"])
def test_text_in_every_encoding(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert text(drawn(tmp_path / "a.jpg")) == SAID


def test_text_of_unknown_encoding() -> None:
    assert wide("東京の写真です".encode("utf-16-be")) == "東京の写真です"
    assert plain("ab Zürich".encode()[:5]) == "ab Z"  # cut within a letter
    assert plain(b"\xff\xfe") == plain(b"") == ""
    assert plain(b"\x93quoted\x94") == "\u201cquoted\u201d"


@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a.jpg.json"])
def test_json_of_exiftool(tmp_path: Path, name: str) -> None:
    document = [
        {
            "SourceFile": "a.jpg",
            "File:FileName": "secret.jpg",
            "XMP:Subject": ["heron"],
            "Keywords": "reeds",
            "ImageDescription": "a boat",
            "IPTC:Caption-Abstract": "by the lake",
            "XPKeywords": "ferry",
            "EXIF:DateTimeOriginal": "2009:01:02 03:04:05",
        }
    ]
    (tmp_path / name).write_text(json.dumps(document))
    path = drawn(tmp_path / "a.jpg")
    assert text(path) == "heron reeds a boat by the lake ferry"
    (found,) = (found for found in find([path]) if isinstance(found, Found))
    told = details(str(path), beside=found.beside)
    assert told.taken == "2009-01-02T03:04:05"
    assert told.taken_from is not None
    assert (told.taken_from.field, told.taken_from.file) == ("JSON DateTimeOriginal", name)


@pytest.mark.parametrize(
    "document",
    [
        [{"IPTC": {"Keywords": "heron"}, "EXIF": {"DateTimeOriginal": "2009:01:02 03:04:05"}}],  # exiftool -json -g
        {"Keywords": ["heron"], "Composite:SubSecDateTimeOriginal": "2009:01:02 03:04:05.67+02:00"},
        {"comment": "heron", "DateCreated": "2009:01:02 03:04:05"},
        {"captions": ["heron"], "PNG:CreationTime": "2009:01:02 03:04:05"},
        {"alt_text": "heron", "date_taken": "2009-01-02 03:04:05"},
    ],
)
def test_json_in_other_shapes(tmp_path: Path, document: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document))
    (found,) = (found for found in find([drawn(tmp_path / "a.jpg")]) if isinstance(found, Found))
    told = details(found.path, beside=found.beside)
    assert (told.text, told.taken) == ("heron", "2009-01-02T03:04:05")
