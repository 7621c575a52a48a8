"""What the training of the shipped model rests on, against blocks whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.config import BackboneConfig
from devise.descriptors.network.preprocess import IMAGENET
from recipes import narrow, solve
from recipes.folding import folded
from recipes.muon import Muon
from recipes.student import CONFIG
from recipes.workers import Workers


def block(layers: tuple[int | str, ...], channels: int) -> nn.Sequential:
    """One block of a backbone that reads `channels` channels."""
    config = BackboneConfig(
        name="tiny", layers=(f"P{channels}", *layers), batch_norm=True, first_stride=1, top="conv", num_features=4,
        preprocessing=IMAGENET,
    )  # fmt: skip
    return Backbone(config).features[1:].eval()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_kernel_sees_the_neighbourhood_it_is_solved_on(stride: int) -> None:
    rng = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 5, 8, 8, generator=rng)
    conv = block(("S", 7, "P2") if stride == 2 else (7, "P2"), 5)[0]
    made = conv(maps)
    at = solve._drawn(made, 30, rng)
    seen = solve._neighbourhoods(maps, stride, at)
    torch.testing.assert_close(seen @ conv.weight.flatten(1).T, solve._picked(made, at), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_block_that_can_be_copied_is_copied() -> None:
    """Targets made by another block of the same shape: hidden units and all."""
    torch.manual_seed(0)
    model, copy, maps = block((12, "P6"), 6), block((12, "P6"), 6), torch.randn(40, 6, 6, 6)
    target = model(maps)
    at = solve._drawn(target, 36 * 40, torch.Generator().manual_seed(0))
    seen = solve._with_one(solve._neighbourhoods(maps, 1, at))
    hidden = solve._picked(model[1](model[0](maps)), at)
    solve._set(copy, seen, hidden, solve._picked(target, at), carried=True)
    missed = (copy(maps) - target).square().mean() / target.var()
    assert missed < 1e-3


@torch.no_grad()
def test_what_is_carried_past_a_block_is_carried() -> None:
    torch.manual_seed(0)
    copy, maps = block((12, "P6"), 6), torch.randn(40, 6, 6, 6)
    at = solve._drawn(maps, 36 * 40, torch.Generator().manual_seed(0))
    seen = solve._with_one(solve._neighbourhoods(maps, 1, at))
    solve._set(copy, seen, torch.randn(len(seen), 12), solve._picked(maps, at), carried=True)
    assert (copy(maps) - maps).square().mean() < 1e-3


def test_a_block_wider_than_the_teachers_is_refused() -> None:
    with pytest.raises(ValueError, match="make it narrower"):
        solve._needed(torch.rand(50, 4), torch.rand(50, 2), 5)


def test_half_the_width_halves_the_units_after_the_stem() -> None:
    layers = narrow.narrow_config(CONFIG, 0.5).layers
    assert layers[:7] == CONFIG.layers[:7]
    assert [a for a in layers if isinstance(a, str)] == [a for a in CONFIG.layers if isinstance(a, str)]
    halved = zip(layers[7:], CONFIG.layers[7:], strict=True)
    assert all(a * 2 == b for a, b in halved if isinstance(a, int) and isinstance(b, int))
    assert narrow.narrow_config(CONFIG, 1) == CONFIG


@torch.no_grad()
def test_a_narrow_student_takes_the_stem_as_it_is() -> None:
    torch.manual_seed(0)
    config = BackboneConfig(name="tiny", layers=(6, "P4", "S", 8, "P5", 7, "P3"), batch_norm=True, first_stride=2,
                            top="conv", num_features=9, preprocessing=IMAGENET)  # fmt: skip
    shipped, student = folded(Backbone(config), 64), SimpleNamespace()
    for module in shipped.features:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.bias)
    stem = Backbone(config).eval().features[:8]  # up to the second projection
    student.blocks = lambda: [stem]
    narrow.take_stem(student, shipped)  # type: ignore[arg-type]
    pixels = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(stem(pixels), shipped.features[:6](pixels))


def test_muon_makes_all_directions_of_an_update_alike() -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(8, 4, 3, 3))
    optimizer = Muon([kernel], Workers(), lr=1.0, decay=0.0)
    kernel.grad = torch.randn(8, 36).mul(torch.logspace(0, -2, 8)[:, None]).view(8, 4, 3, 3)
    optimizer.step()
    values = torch.linalg.svdvals(kernel.detach().flatten(1))
    assert values.min() > 0.5 * values.max()
