"""From options to all that stays the same during a run: photos, labels, objectives, a checkpoint with new heads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from devise import config
from devise.descriptors.network.checkpoint import Checkpoint, load
from devise.descriptors.network.config import BackboneConfig
from devise.descriptors.network.format import SUFFIX
from devise.descriptors.network.weights import backbone_ranges, load_backbone
from devise.errors import TrainingError, counted
from devise.progress import Progress
from devise.training import data
from devise.training.datasets.example import NOTHING, Dataset, Example, LeftOut, Pair
from devise.training.datasets.pairs import check_sides, split_pairs
from devise.training.datasets.read import read
from devise.training.datasets.unlabelled import unlabelled
from devise.training.features import VIEWS, Extractor, features_of
from devise.training.feedback import judged
from devise.training.labels import resolved
from devise.training.nothing import nothings
from devise.training.objectives.autoencoder import Autoencoder
from devise.training.objectives.base import Lessons, Objective
from devise.training.objectives.table import OBJECTIVES, OF_WORDS, WITHOUT_LABELS
from devise.training.options import TrainOptions
from devise.training.overview import Overview, overview
from devise.training.sources import Cached, Photos, Source
from devise.training.splits import chosen_labels, split, without
from devise.training.state import Learner, key_of
from devise.training.workers import ALONE, Workers
from devise.words import WordVectors

BEGUN_WITH = 5_000  # photos whose principal components a code begins with


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """All that stays the same. A row is the number of a photo in `source` and in what the objectives know.

    path: where the checkpoint goes; key: what must be the same for a run to go on; paths: of the photos, by row.
    training, validation: rows of the photos to learn from and to be judged by.
    """

    options: TrainOptions
    path: Path
    key: str
    paths: list[str]
    held_out: tuple[str, ...]
    overview: Overview
    checkpoint: Checkpoint
    objectives: list[Objective]
    lessons: Lessons
    source: Source
    training: Tensor
    validation: Tensor

    @property
    def labels(self) -> tuple[str, ...]:
        return self.lessons.labels


def assemble(options: TrainOptions, progress: Progress, team: Workers = ALONE) -> Assembly:
    """team: who look at the photos together. Raises TrainingError, FolderError, VectorsError, CheckpointError,
    WriteError.
    """
    path = checkpoint_path(options.out)
    if path.exists() and not options.force and not options.resume:
        raise TrainingError(f"{path} exists; choose another --out, go on with --resume, or replace it with --force")
    _check_objectives(options)
    vectors = WordVectors.open(options.vectors) if OF_WORDS.intersection(options.objectives) else None
    learnt = learnable(options, vectors)
    progress.dataset(learnt.overview)
    ordered = [*learnt.training, *learnt.validation]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lessons = _lessons(ordered, learnt, vectors, device)
    objectives = _objectives(options, lessons)
    checkpoint = _new_checkpoint(options, path.stem, objectives, device)
    source, good = _source(options, checkpoint, ordered, progress, team)
    rows, checked = _rows(good, len(learnt.training), source)
    key = key_of(options, learnt.examples, vectors.fingerprint if vectors else "", learnt.pairs)
    return Assembly(options=options, path=path, key=key, paths=[example.path for example in ordered],
                    held_out=learnt.held_out, overview=learnt.overview, checkpoint=checkpoint,
                    objectives=objectives, lessons=lessons, source=source, training=rows,
                    validation=checked)  # fmt: skip


@dataclass(frozen=True)
class Learnable:
    """Examples to learn from and to judge by, and all there are; labels that have a word vector."""

    training: list[Example]
    validation: list[Example]
    examples: list[Example]
    labels: tuple[str, ...]
    held_out: tuple[str, ...]
    overview: Overview
    pairs: Sequence[Pair] = ()


def learnable(options: TrainOptions, vectors: WordVectors | None) -> Learnable:
    """What the data give to learn from; vectors: None where labels need none.

    Raises TrainingError, FolderError, LibraryError.
    """
    needs_labels = not (options.unlabelled or WITHOUT_LABELS.issuperset(options.objectives))
    reading = replace(options.reading, has_attributes="attributes" in options.objectives)
    dataset = (read if needs_labels else unlabelled)(options.data, reading)
    if dataset.pairs and needs_labels:
        return _paired(dataset, options)
    library = options.feedback if needs_labels else None
    feedback = judged(library, vectors or WordVectors.open(options.vectors)) if library else []
    found = resolved(dataset.examples, vectors, options.reading, feedback)
    held = chosen_labels(options.hold_out, found.labels, options.seed)
    examples, labels = without(held, found.examples), tuple(label for label in found.labels if label not in held)
    training, validation = split(examples, options.validation, options.seed)
    training += without(held, found.more)
    training += [example for _, example in nothings(training, options.reject, options.seed, "train")]
    validation += [example for _, example in nothings(validation, options.reject, options.seed, "validation")]
    if len(training) < 2:
        raise TrainingError(f"{len(training)} photos to train on; at least 2 are needed")
    if needs_labels:
        _check_several(labels, training)
    parts = {"train": training, "validation": validation, "test": [e for e in examples if e.part == "test"]}
    spelt = {label: _spelt(label, vectors) for label in labels}
    unseen = [LeftOut(label, "it is held out, to be asked for by devise evaluate") for label in held]
    remarks = (*dataset.notes, *found.notes), (*dataset.left_out, *found.left_out, *unseen)
    return Learnable(training, validation, [*found.examples, *found.more], labels, held,
                     overview(parts, spelt, found.sources, vectors.name if vectors else "", remarks))  # fmt: skip


def _paired(dataset: Dataset, options: TrainOptions) -> Learnable:
    """Of pairs in place of labels."""
    if options.objectives != ("metric",):
        raise TrainingError(f"{options.data} is of pairs, which teach a metric: choose --objective metric")
    check_sides(dataset.pairs, options.loss)
    learnt, judging, pairs = split_pairs(dataset.pairs, options.validation, options.seed)
    notes = list(dataset.notes)
    if lost := len(dataset.pairs) - len(pairs):
        notes.append(f"{counted(lost, 'pair')} of a photo to learn from and one to judge by: left out")
    training, validation = ([Example(path, ()) for path in some] for some in (learnt, judging))
    check_sides([pair for pair in pairs if pair.a in {*learnt}], options.loss)
    parts = {"train": training, "validation": validation, "test": []}
    return Learnable(training, validation, dataset.examples, (), (), overview(parts, {}, {}, "", (notes, ())), pairs)


def _spelt(label: str, vectors: WordVectors | None) -> str:
    """What its word vector is of."""
    if vectors is None:
        return ""
    return label if label in vectors else " + ".join(label.split())


def _check_several(labels: tuple[str, ...], training: Sequence[Example]) -> None:
    """A label is learnt by what does not have it."""
    if not labels:
        raise TrainingError("no photo has a label; put photos into one folder per label, or give a CSV")
    if len(labels) == 1 and all(example.labels for example in training):
        raise TrainingError(f'"{labels[0]}" is the only label, and every photo has it: there is nothing to tell it '
                            f'from; add photos of other labels, or of none in a folder "{NOTHING}"')  # fmt: skip


def checkpoint_path(out: str) -> Path:
    """A bare name goes to the user's checkpoints; anything with a folder is taken as it is."""
    path = Path(out)
    if path.name in ("", ".", "..") or out.endswith(os.sep):
        raise TrainingError(f"--out {out!r} is a folder, not a name; give one such as checkpoints/pets")
    if out.removesuffix(SUFFIX) == config.SHIPPED_MODEL:
        raise TrainingError(f"--out {out} is the name of the model that ships; choose another")
    folder = path.parent if len(path.parts) > 1 else config.own_folder("checkpoints")
    file = folder / (path.name if path.suffix == SUFFIX else path.name + SUFFIX)
    if os.path.isdir(file):
        raise TrainingError(f"{file} is a folder; choose another --out")
    return file


def learner_of(assembly: Assembly) -> Learner:
    """Heads that have learnt nothing yet, and an optimizer for them and for the blocks that learn too."""
    options, source = assembly.options, assembly.source
    modules = {name: module for objective in assembly.objectives for name, module in objective.modules.items()}
    fresh = [p for module in [*assembly.checkpoint.heads.values(), *modules.values()] for p in module.parameters()]
    groups: list[dict[str, Any]] = [{"params": fresh, "lr": options.learning_rate}]
    if source.parameters():  # what is already good needs smaller steps
        groups.append({"params": source.parameters(), "lr": options.learning_rate / 10})
    if isinstance(source, Cached):
        torch.manual_seed(options.seed)
        for objective in assembly.objectives:
            if isinstance(objective, Autoencoder):
                some = source.features[assembly.training[:BEGUN_WITH], 0].to(source.device).float()
                objective.begin(assembly.checkpoint.heads, some)
    optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    return Learner(assembly.checkpoint, modules, optimizer, rate=options.learning_rate)


def _lessons(
    examples: Sequence[Example], learnt: Learnable, vectors: WordVectors | None, device: torch.device
) -> Lessons:
    labels = learnt.labels
    truth, known = data.truth(examples, labels)
    rows = np.stack([vectors.vector(label) for label in labels]) if vectors else np.empty((len(labels), 0), np.float32)
    targets = torch.from_numpy(rows).to(device)
    weights = torch.tensor([example.weight for example in examples])
    row = {example.path: number for number, example in enumerate(examples)}
    pairs = torch.tensor([(row[a], row[b], int(similar)) for a, b, similar in learnt.pairs], dtype=torch.long)
    return Lessons([example.path for example in examples], labels, truth, known, weights, targets,
                   vectors.name if vectors else "", vectors.fingerprint if vectors else "",
                   pairs.view(-1, 3))  # fmt: skip


def _check_objectives(options: TrainOptions) -> None:
    if unknown := [name for name in options.objectives if name not in OBJECTIVES]:
        raise TrainingError(f"no objective {', '.join(unknown)}; choose from {', '.join(OBJECTIVES)}")


def _objectives(options: TrainOptions, lessons: Lessons) -> list[Objective]:
    torch.manual_seed(options.seed)  # for layers that learn beside the heads
    return [OBJECTIVES[name](lessons, options) for name in options.objectives]


def _new_checkpoint(
    options: TrainOptions, name: str, objectives: Sequence[Objective], device: torch.device
) -> Checkpoint:
    torch.manual_seed(options.seed)
    begun = load(options.start) if options.start else None
    backbone = begun.backbone if begun else load_backbone(options.backbone, options.weights, options.download)
    checkpoint = Checkpoint(name=name, backbone=backbone)
    checkpoint.backbone.config = _looking(checkpoint.backbone.config, options)
    for objective in objectives:
        for key, head in objective.heads(checkpoint.backbone.config.num_features).items():
            checkpoint.add_head(head, key)
            if begun is not None:
                _go_on(checkpoint, key, begun)
    for module in checkpoint.modules().values():
        module.to(device)
    return checkpoint


def _looking(config: BackboneConfig, options: TrainOptions) -> BackboneConfig:
    """At how many pixels, and at which parts of photos. Raises TrainingError where the last map would have none."""
    parts = config.parts if OF_WORDS.intersection(options.objectives) else 0
    try:
        return replace(config, parts=parts).at(options.size or config.preprocessing.size)
    except ValueError as error:
        raise TrainingError(f"--size {options.size} does not suit {config.name}: {error}; give another") from None


def _go_on(checkpoint: Checkpoint, name: str, begun: Checkpoint) -> None:
    """Take what a head has learnt: for words in any case, for classes where the labels are the same."""
    ours, theirs = checkpoint.configs[name], begun.configs.get(name)
    if theirs is None or (ours.kind == "classes" and ours.labels != theirs.labels):
        return
    if (ours.num_out, ours.vectors, ours.input) != (theirs.num_out, theirs.vectors, theirs.input):
        raise TrainingError(
            f"{begun.name} has learnt the word vectors {theirs.vectors}, this run learns {ours.vectors}; "
            "choose those with --vectors, or leave out --from"
        )
    kept = {key: value for key, value in begun.heads[name].state_dict().items() if key != "anchors"}
    checkpoint.heads[name].load_state_dict(kept)


def _source(
    options: TrainOptions, checkpoint: Checkpoint, examples: Sequence[Example], progress: Progress, team: Workers
) -> tuple[Source, np.ndarray]:
    """Where features come from, and which photos are known to be readable."""
    paths = [example.path for example in examples]
    if options.unfreeze:
        return Photos(paths, checkpoint, options), np.ones(len(paths), bool)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress.features(done, len(paths))

    extractor = Extractor(
        checkpoint, backbone_ranges(options.start or options.backbone, None if options.start else options.weights)
    )
    views = VIEWS if options.unlabelled and "metric" in options.objectives else 0
    features, good, skipped = features_of(
        paths, extractor, progress=advance, limits=options.photos, views=views, team=team
    )
    for trouble in skipped:
        progress.note(f"skipping {trouble}")
    device = next(next(iter(checkpoint.heads.values())).parameters()).device  # a backbone of pixels has none
    return Cached(torch.from_numpy(features), device, {trouble.path: trouble for trouble in skipped}), good


def _rows(good: np.ndarray, num_training: int, source: Source) -> tuple[Tensor, Tensor]:
    """Of the readable photos, to train on and to validate on. Raises TrainingError."""
    is_training = np.arange(len(good)) < num_training
    rows = torch.from_numpy(np.flatnonzero(good & is_training))
    mixed = np.random.default_rng(0).permutation(np.flatnonzero(good & ~is_training))  # the first few are of all labels
    if len(rows) < 2:
        raise TrainingError(
            f"{len(rows)} readable photos to train on; first trouble: {next(iter(source.skipped.values()), 'none')}"
        )
    return rows, torch.from_numpy(mixed)
