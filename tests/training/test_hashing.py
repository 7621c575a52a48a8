"""Losses of short codes against a few lines of numpy and finite differences; codes that are learnt, kept and found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import Stop, classes, options, tiny_vectors  # noqa: F401 (fixtures)
from typer.testing import CliRunner

from devise import Library
from devise.cli.main import app
from devise.descriptors.network import checkpoint as checkpoints
from devise.descriptors.network.compiled import Compiled
from devise.descriptors.network.encoder import Encoder
from devise.errors import LibraryError, TrainingError
from devise.training import TrainOptions, train
from devise.training.objectives.hashing import DPSH_QUANTIZATION, DSH_PULL, GREEDY_PENALTY, METHODS, mean_ap, shared

N, BITS, LABELS = 6, 5, 3
Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def case(seed: int = 0) -> Case:
    random = np.random.default_rng(seed)
    z, truth = random.normal(size=(N, BITS)), np.eye(LABELS)[random.integers(LABELS, size=N)]
    truth[2] = [1, 1, 0]
    known = np.maximum(truth, random.random(truth.shape) < 0.9)
    return torch.tensor(z), torch.tensor(truth), torch.tensor(known)


def pairs(y: np.ndarray, known: np.ndarray) -> list[tuple[int, int, bool]]:
    """All of which it is known whether they share a label."""
    return [(i, j, bool((y[i] * y[j]).any())) for i in range(N) for j in range(N)
            if i != j and (known[i] * y[j]).any() and (y[i] * known[j]).any()]  # fmt: skip


def cross_entropy(logits: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    p = np.exp(logits) * known
    p /= p.sum(1, keepdims=True)
    share = y / y.sum(1, keepdims=True)
    return float(-(share * np.log(np.where(share > 0, p, 1))).sum(1).mean())


def lin2015(z: np.ndarray, y: np.ndarray, known: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
    return cross_entropy(1 / (1 + np.exp(-z)) @ w.T + b, y, known)


def greedyhash(z: np.ndarray, y: np.ndarray, known: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
    signs = np.sign(z)
    return cross_entropy(signs @ w.T, y, known) + GREEDY_PENALTY * float((np.abs(z - signs) ** 3).mean())


def dsh(z: np.ndarray, y: np.ndarray, known: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
    each = []
    for i, j, same in pairs(y, known):
        d = ((z[i] - z[j]) ** 2).sum()
        each.append(d / 2 if same else max(0, 2 * BITS - d) / 2)
    return float(np.mean(each) + DSH_PULL * 2 * np.abs(np.abs(z) - 1).sum(1).mean())


def dpsh(z: np.ndarray, y: np.ndarray, known: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
    each = [np.log(1 + np.exp(z[i] @ z[j] / 2)) - same * z[i] @ z[j] / 2 for i, j, same in pairs(y, known)]
    return float(np.mean(each) + DPSH_QUANTIZATION * ((z - np.sign(z)) ** 2).mean())


REFERENCES = {"lin2015": lin2015, "greedyhash": greedyhash, "dsh": dsh, "dpsh": dpsh}


def made(name: str) -> torch.nn.Module:
    torch.manual_seed(1)
    return METHODS[name](BITS, LABELS).double()


def test_pairs_lie_where_their_labels_do() -> None:
    truth = torch.zeros(4, LABELS, device="meta")  # a device that every machine has beside its processor
    assert [pairs.device.type for pairs in shared(truth, truth)] == ["meta", "meta"]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_loss_is_its_formula(name: str) -> None:
    z, truth, known = case()
    loss = made(name)
    w, b = (getattr(getattr(loss, "classifier", None), part, None) for part in ("weight", "bias"))
    given = [None if part is None else part.detach().numpy() for part in (w, b)]
    expected = REFERENCES[name](z.numpy(), truth.numpy(), known.numpy(), *given)
    assert loss(z, truth, known).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["lin2015", "dsh", "dpsh"])
def test_gradient_is_the_slope(name: str) -> None:
    z, truth, known = case(1)
    loss = made(name)
    assert torch.autograd.gradcheck(lambda rows: loss(rows, truth, known), z.requires_grad_(), atol=1e-4)


def test_the_slope_at_the_signs_passes_them_as_it_is() -> None:
    """GreedyHash has no slope: it is that of its penalty, and that of the classifier as if the signs were z."""
    z, truth, known = case(1)
    loss = made("greedyhash")
    z.requires_grad_()
    loss(z, truth, known).backward()
    signs = torch.sign(z.detach()).requires_grad_()
    loss(signs, truth, known).backward()  # there the penalty and its slope are 0
    penalty = 3 * GREEDY_PENALTY * (z - z.sign()).detach() ** 2 * (z - z.sign()).detach().sign() / z.numel()
    torch.testing.assert_close(z.grad, signs.grad + penalty)


def test_precision_where_each_asks_the_others() -> None:
    scores = np.array([[9, 1, 2, 3], [1, 9, 3, 2], [2, 3, 9, 0], [3, 2, 0, 9]], float)
    truth = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], float)
    assert mean_ap(scores, truth) == pytest.approx(np.mean([(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, (1 + 1) / 2]))
    assert mean_ap(scores, np.eye(4)) is None  # 0 would say that codes are bad


@pytest.fixture
def short(options: TrainOptions) -> TrainOptions:  # noqa: F811
    return replace(options, objectives=("hash",), bits=12, epochs=30, vectors=None)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_colours_get_codes_of_their_own(short: TrainOptions, method: str) -> None:
    report = train(replace(short, method=method, epochs=80, seed=1))
    assert report.best.figures["mAP of bits"] > 0.7  # of eight photos of four labels; 0.4 by chance
    about = checkpoints.load(report.path)
    assert about.configs["bits"].num_out == 12
    assert about.training["method"] == method
    assert set(about.heads) == {"bits"}


def test_both_engines_and_torch_give_the_same_bits(short: TrainOptions) -> None:
    path = train(short).path
    random = np.random.default_rng(0)
    one, other = Encoder.open(path), Compiled.open(path)
    pixels = random.integers(0, 256, (40, one.size, one.size, 3), dtype=np.uint8)
    found = one.encode(pixels)["bits"]
    assert found.shape == (40, 2)
    differ = np.unpackbits(found ^ other.encode(pixels)["bits"])
    assert differ.mean() < 0.05  # one of them computes in bytes: a number next to 0 may fall on either side
    checkpoint = checkpoints.load(path)
    with torch.inference_mode():
        z = checkpoint.heads["bits"](torch.from_numpy(one.outputs(pixels).features)).numpy()
    np.testing.assert_allclose(one.codes[0].numbers(one.outputs(pixels).features), z, atol=1e-4)
    assert (np.packbits(z > 0, axis=1) == found).all()


def test_a_library_is_searched_by_bits_and_put_in_order_by_features(short: TrainOptions, tmp_path: Path) -> None:
    path = train(short).path
    with Library(tmp_path / "library", model=str(path)) as library:
        library.index([short.data])
        space = next(space for space in library._reader().model().spaces if space.name == "bits")
        assert (space.dim, space.metric, space.dtype) == (12, "hamming", "bits")
        photo = library.paths()[0]
        near = library.similar(photo, 7, space="bits")
        assert {Path(match.path).parent for match in near} == {Path(photo).parent}
        assert all(match.score == int(match.score) <= 0 for match in near)
        both = library.similar(photo, 7, space="bits", order="features")
        by_features = {match.path: match.score for match in library.similar(photo, 100)}
        assert [match.score for match in both] == sorted((by_features[match.path] for match in both), reverse=True)
        assert photo not in {match.path for match in both}
        with pytest.raises(LibraryError, match="leave one of them out"):
            library.similar(photo, order="features", like="red")
        with pytest.raises(LibraryError, match="no space"):
            library.similar(photo, space="bits", order="words")


def test_a_run_of_codes_goes_on_after_a_kill(short: TrainOptions, tmp_path: Path) -> None:
    some = replace(short, epochs=4)
    whole = checkpoints.load(train(some).path).fingerprint
    stopped = replace(some, out=str(tmp_path / "other" / "colours.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        train(stopped, Stop(after=2))
    with pytest.raises(TrainingError, match="other options"):
        train(replace(stopped, resume=True, bits=16))
    assert checkpoints.load(train(replace(stopped, resume=True)).path).fingerprint == whole


@pytest.mark.parametrize(
    ("change", "error"),
    [({"bits": 0}, "bits must be from 4 to 1,024, not 0"), ({"bits": 4096}, "not 4,096"),
     ({"method": "itq"}, "no method 'itq'; choose one of greedyhash"), ({"size": 3}, "size must be from 16"),
     ({"learning_rate": 1e30}, "not a number any more at epoch 1, step")],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(short: TrainOptions, change: dict[str, object], error: str) -> None:
    with pytest.raises(TrainingError, match=error):
        train(replace(short, **change))  # type: ignore[arg-type]


def test_words_bring_the_classes_beside_them(options: TrainOptions) -> None:  # noqa: F811
    asked = ["train", options.data, "--out", options.out, "--backbone", options.backbone, "--vectors", "tiny",
             "--epochs", 1, "--batch", 8, "--objective", "words, hash", "--bits", 8]  # fmt: skip
    result = CliRunner().invoke(app, [str(part) for part in asked])
    assert result.exit_code == 0, result.output
    assert list(checkpoints.load(options.out).heads) == ["words", "classes", "bits"]


def test_beside_words_codes_come_from_the_same_pass(options: TrainOptions) -> None:  # noqa: F811
    report = train(replace(options, objectives=("words", "classes", "hash"), bits=8, size=32))
    encoder = Encoder.open(report.path)
    assert [space.name for space in encoder.spaces] == ["words", "features", "bits"]
    assert "mAP of bits" in report.best.figures
    assert encoder.size == 32


def test_labels_need_no_word_vector(draw: Callable[..., Path], short: TrainOptions, tmp_path: Path) -> None:
    for name, colour in {"qqx": (220, 30, 30), "zzk7": (30, 50, 210)}.items():
        for i in range(4):
            draw(f"odd/{name}/{i}.png", colour, seed=i + 1)
    assert train(replace(short, data=tmp_path / "odd", epochs=2)).labels == ("qqx", "zzk7")
