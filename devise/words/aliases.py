"""Words of one's own: "hund" stands for "dog", "rex" for "brown dog"; in a file of the user's data folder."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from devise import config
from devise.errors import WordError
from devise.files import replacing
from devise.results import Note
from devise.words.wording import EDGES

MAX_WORDS = 6  # of what an alias is called by, as of an entry


def _file() -> Path:
    return config.user_data() / "aliases.json"


def aliases() -> dict[str, str]:
    """What each word of one's own stands for, by the word. A damaged file is none: it must not stop a search."""
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(word): str(meaning) for word, meaning in found.items()} if isinstance(found, dict) else {}


def put_alias(word: str, meaning: str) -> None:
    """From now on, `word` in a query stands for `meaning`. Raises WordError for what is no word or means nothing."""
    name, words = alias_key(word), meaning.split()
    if not name or not any(c.isalpha() for c in name) or len(name.split()) > MAX_WORDS or '"' in name:
        raise WordError(f'"{word}" is no word to give a meaning to; choose letters, as in: devise words alias hund dog')
    if word.strip()[0] in "+-@" or ":" in name:
        raise WordError(f'"{word}" has a sign of queries in it; choose another word')
    if not words or not all(any(c.isalpha() for c in each) for each in words) or '"' in meaning:
        raise WordError(f'"{meaning}" means nothing; give English words, as in: devise words alias hund dog')
    if alias_key(meaning) == name:
        raise WordError(f'"{word}" would stand for itself; give English words for it')
    _write({**aliases(), name: " ".join(words)})


def remove_alias(word: str) -> str:
    """Forget a word; what it stood for. Raises WordError for one that is none."""
    known = aliases()
    if alias_key(word) not in known:
        names = ", ".join(f'"{name}"' for name in sorted(known)) or "none"
        raise WordError(f'"{word}" is no word of your own; there are: {names}')
    meaning = known.pop(alias_key(word))
    _write(known)
    return meaning


def alias_note(word: str, meaning: str) -> Note:
    return Note("alias", f'"{word}" stands for "{meaning}"', {"asked": word, "read": meaning})


def expanded(words: Sequence[str], known: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """The words with those of one's own put in place: (words, the one they stand for or None), the longest first."""
    found: list[tuple[str, str | None]] = []
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + MAX_WORDS), at, -1):
            name = " ".join(words[at:end])
            if (meaning := known.get(alias_key(name))) is not None:
                found.append((meaning, name.strip(EDGES) or name))
                break
        else:
            end = at + 1
            found.append((words[at], None))
        at = end
    return found


def alias_key(word: str) -> str:
    """How a word of one's own is kept: whatever its case and the signs around it."""
    return " ".join(unicodedata.normalize("NFC", word).casefold().split()).strip(EDGES)


def _write(found: Mapping[str, str]) -> None:
    with replacing(_file()) as temporary:
        temporary.write_text(json.dumps(dict(sorted(found.items())), indent=2, ensure_ascii=False), "utf-8")
