"""Batch norms with the means and variances of what was learnt from, as the heads are now.

A running average with torch's momentum of 0.1 takes some forty steps to forget what it began with, and of few photos an
epoch has three: heads were judged, and kept, with numbers that nothing in the data has. Of 139 photos of ten classes of
Caltech-101, eight epochs then name 0.2 of the validation photos, and 0.9 with averages of what is there ("precise"
batch norms; Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021).
"""

from __future__ import annotations

import torch
from torch import nn

from devise.training.assembly import Assembly
from devise.training.sources import some_parts

MOST = 1_024  # photos: a mean of so many is within 3 % of a deviation
AT_ONCE = 256  # of them; where the backbone learns too, as many as a step has, for which there is room


@torch.no_grad()
def settle(assembly: Assembly) -> None:
    """Of all heads. Dropout is off meanwhile."""
    heads = assembly.checkpoint.heads
    norms = [part for head in heads.values() for part in head.modules() if isinstance(part, nn.BatchNorm1d)]
    if not norms or len(assembly.training) < 2:
        return
    for head in heads.values():
        head.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    # in no order of theirs: variances are those within batches, and photos of one label vary less
    order = torch.randperm(len(assembly.training), generator=torch.Generator().manual_seed(assembly.options.seed))
    drawn = assembly.training[order[:MOST]]
    at_once = assembly.options.batch if assembly.source.parameters() else AT_ONCE
    for features, rows in assembly.source.batches(drawn, at_once, train=False):
        if len(rows) > 1:
            views = some_parts(features) if features.shape[1] > 1 else features  # as in a step
            for objective in assembly.objectives:
                objective.loss(heads, views, rows)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
