"""What the words of people's labels look like to CLIP: logistic regressions on its embeddings, asked of all photos.

Captions name 760 photos that may be learnt from, VOC's people 1,424: a teacher that has learnt their words from those
says them of twenty thousand others (Hinton et al., "Distilling the knowledge in a neural network", 2015).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

GROUPS = ("captions", "voc")  # whose words fit any photo; sets of one kind of photo, as six scenes, have to choose one
# Products on white, textures and receipts are unlike all that those words were learnt from
UNLIKE = frozenset({"fashion", "grocery", "receipts", "caltech101", "nothing", "clothing"})

PENALTY, STEPS = 0.1, 60  # on squared weights, against the sum over photos; of L-BFGS

Rows = NDArray[np.float32]


def probabilities(embeddings: Rows, rows: NDArray[np.int64], truth: Rows) -> Rows:
    """How likely each label is of each photo: (n, 512), those with a truth (m,), (m, labels) -> (n, labels)."""
    unit = F.normalize(torch.from_numpy(embeddings), dim=1)
    known, said = unit[rows], torch.from_numpy(truth)
    share = said.mean(0).clamp(1e-4, 1 - 1e-4)
    weight, bias = torch.zeros(said.shape[1], unit.shape[1], requires_grad=True), share.logit().requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        off = F.binary_cross_entropy_with_logits(known @ weight.T + bias, said, reduction="sum")
        total = (off + PENALTY / 2 * weight.square().sum()) / len(rows)
        total.backward()
        return total

    optimizer.step(loss)
    with torch.no_grad():
        found: Rows = (unit @ weight.T + bias).sigmoid().numpy()
    return found
