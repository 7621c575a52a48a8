"""From labels as people write them to labels with a word vector, each once, and what is left out for want of photos."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from devise.errors import TrainingError, counted, listed
from devise.training.datasets.example import ATTRIBUTE, NOTHING, Example, LeftOut, Reading, as_label
from devise.training.datasets.wordnet import WNID, names_of
from devise.words import WordVectors
from devise.words.forms import IRREGULAR, without_accents


@dataclass(frozen=True)
class Labelled:
    """more: of judgements. labels: sorted; sources: label -> the names that it was written as; notes: what is told."""

    examples: list[Example]
    more: list[Example]
    labels: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def resolved(
    examples: Sequence[Example], vectors: WordVectors | None, reading: Reading = Reading(), more: Sequence[Example] = ()
) -> Labelled:
    """Labels by names that have a word vector: aliases first, of several names the first that has one.

    vectors: None where labels need none, and so are taken as they are.

    Labels that differ in case or plural only become one. Raises TrainingError naming every label without a vector, with
    near spellings. more: other examples, of which none is left out.
    """
    counts = Counter(label for example in (*examples, *more) for label in example.labels)
    counts.update({label: 0 for example in (*examples, *more) for label in example.wrong})
    aliases = {_key(name): as_label(label) for name, label in reading.aliases}
    named = _named(counts, vectors, aliases)
    merged, notes = _merged(named, counts, {*aliases.values()})
    final = {name: merged.get(label, label) for name, label in named.items()}
    notes += [f'"{name}" is learnt as "{label}"' for name, label in named.items()
              if label not in (name, NOTHING) and not WNID.match(name) and _key(name) not in aliases]  # fmt: skip
    labelled = [_renamed(example, final) for example in examples]
    labelled, left_out = _frequent(labelled, reading.min_photos)
    others = [_renamed(example, final) for example in more]
    labels = sorted({label for example in (*labelled, *others) for label in example.labels})
    sources = {label: tuple(sorted(name for name, one in final.items() if one == label)) for label in labels}
    return Labelled(labelled, others, tuple(labels), sources, tuple(notes), tuple(left_out))


def singular(label: str) -> str:
    """In lower case, the last word in its singular, as far as rules go: to find two labels that are one.

    >>> singular("Wild Cherries")
    'wild cherry'
    """
    *front, last = label.casefold().split() or [""]
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith("ies") and len(last) > 4:
        last = last[:-3] + "y"
    elif last.endswith(("ches", "shes", "xes", "sses", "zes", "oes")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 3:
        last = last[:-1]
    return " ".join([*front, last])


def attribute_of(label: str) -> str:
    """The attribute that a label is of, "" for a label of none.

    >>> attribute_of("colour: red")
    'colour'
    """
    name, mark, _ = label.partition(ATTRIBUTE)
    return name if mark else ""


def missing_words(label: str, vectors: WordVectors | None) -> list[str]:
    """The words of a label that have no vector; none where the whole has one, or where none is needed."""
    if vectors is None or label in vectors:
        return []
    return [word for word in label.split() if word not in vectors]


def _named(counts: Iterable[str], vectors: WordVectors | None, aliases: Mapping[str, str]) -> dict[str, str]:
    named, unknown = {}, []
    for label in sorted(counts):
        candidates = _candidates(label, aliases)
        fitting = (name for name in candidates if name == NOTHING or not missing_words(name, vectors))
        chosen = next(fitting, None)
        if chosen is not None:
            named[label] = chosen
        elif vectors is not None:
            unknown += _unknown(label, candidates, vectors)
    if vectors is not None and unknown:
        raise TrainingError(
            f"no word vector in {vectors.name} for labels: {listed(unknown)}; rename them, say what they mean with "
            '--alias NAME="other words", or use other vectors with --vectors'
        )
    return named


def _candidates(label: str, aliases: Mapping[str, str]) -> list[str]:
    """The names of a label in the order in which they are tried."""
    if (alias := aliases.get(_key(label))) is not None:
        return [alias]
    found = WNID.match(label)
    names = [*names_of(found[1]), *([as_label(found[2])] if found[2] else [])] if found else [label]
    parts = [as_label(part) for name in names for part in name.split(",") if as_label(part)]
    plain = [other for part in parts for other in (without_accents(part), part.replace("-", ""))]
    return list(dict.fromkeys([*([label] if "," not in label and not found else []), *parts, *plain])) or [label]


def _unknown(label: str, candidates: Sequence[str], vectors: WordVectors) -> list[str]:
    if WNID.match(label) and candidates == [label]:
        return [f'"{label}" (WordNet\'s name of it is not known here; give one with --alias {label}=NAME)']
    if len(candidates) > 1:
        return [f'"{label}" (none of its names {listed(candidates)})']
    found = []
    for word in missing_words(candidates[0], vectors):
        hints = vectors.hints(word, 3)
        where = f' in "{label}"' if word != label else ""
        found.append(f'"{word}"{where}' + (f" (did you mean {', '.join(hints)}?)" if hints else ""))
    return found


def _merged(named: Mapping[str, str], counts: Mapping[str, int], given: set[str]) -> tuple[dict[str, str], list[str]]:
    """Label -> the one that stands for it, of those that differ in case or plural; given: labels to leave alone."""
    photos: Counter[str] = Counter()
    for name, label in named.items():
        photos[label] += counts[name]
    alike = defaultdict(list)
    for label in photos:
        if label not in given and label != NOTHING:
            alike[singular(label)].append(label)
    merged: dict[str, str] = {}
    notes = []
    for group in alike.values():
        first, *others = sorted(group, key=lambda label: (-photos[label], label != label.lower(), label))
        if others:
            merged |= dict.fromkeys(others, first)
            these = listed(f'"{label}"' for label in sorted(others))
            notes.append(f'{these} and "{first}" are one label, "{first}", as they differ in case or plural only '
                         f'(--alias "{others[0]}"="{others[0]}" keeps it apart)')  # fmt: skip
    return merged, notes


def _renamed(example: Example, final: Mapping[str, str]) -> Example:
    labels, wrong = (tuple(dict.fromkeys(final[label] for label in part if final[label] != NOTHING))
                     for part in (example.labels, example.wrong))  # fmt: skip
    return (
        example if (labels, wrong) == (example.labels, example.wrong) else replace(example, labels=labels, wrong=wrong)
    )


def _frequent(examples: list[Example], least: int) -> tuple[list[Example], list[LeftOut]]:
    """Without labels of fewer photos than that, and without the photos that had no other."""
    counts = Counter(label for example in examples for label in example.labels)
    rare = {label: count for label, count in counts.items() if count < least}
    kept = []
    for example in examples:
        labels = tuple(label for label in example.labels if label not in rare)
        if labels or not example.labels:
            kept.append(example if labels == example.labels else replace(example, labels=labels))
    reason = "{}: fewer than --min-photos " + str(least)
    return kept, [LeftOut(label, reason.format(counted(count, "photo"))) for label, count in sorted(rare.items())]


def _key(name: str) -> str:
    return as_label(name).casefold()
