"""A learning rate that suits heads and photos: the loss is watched while the rate grows.

Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3: a rate a tenth of that where the loss
is lowest before it grows again.
"""

from __future__ import annotations

import copy

import torch

from devise.training.assembly import Assembly
from devise.training.state import Learner

LOWEST, HIGHEST, STEPS = 1e-5, 0.3, 80
SMOOTH, DIVERGED = 0.8, 3.0  # share of the old mean in the running one; times the lowest loss at which it ends


def found_rate(assembly: Assembly, learner: Learner) -> float:
    """The rate. What the learner knows is as before afterwards, and the same photos give the same rate."""
    before = {name: copy.deepcopy(part.state_dict()) for name, part in learner.parts().items()}
    optimizer = copy.deepcopy(learner.optimizer.state_dict())
    rate = _swept(assembly, learner)
    for name, part in learner.parts().items():
        part.load_state_dict(before[name])
    learner.optimizer.load_state_dict(optimizer)
    return rate


def _swept(assembly: Assembly, learner: Learner) -> float:
    heads = learner.checkpoint.heads
    torch.manual_seed(assembly.options.seed)
    for head in heads.values():
        head.train()
    mean, step, lowest, best = 0.0, 0, float("inf"), assembly.options.learning_rate
    while step < STEPS:
        drawn = assembly.objectives[0].sampler(assembly.training)
        begun = step
        for features, rows in assembly.source.batches(drawn, assembly.options.batch, train=True):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
            for number, group in enumerate(learner.optimizer.param_groups):
                group["lr"] = rate / (10 if number else 1)
            first, *others = (objective.loss(heads, features, rows) for objective in assembly.objectives)
            loss = sum(others, first)
            learner.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            learner.optimizer.step()
            step += 1
            mean = SMOOTH * mean + (1 - SMOOTH) * float(loss.detach())
            smooth = mean / (1 - SMOOTH**step)
            if smooth < lowest:
                lowest, best = smooth, rate / 10
            if step == STEPS or not smooth < DIVERGED * lowest:
                return float(f"{best:.2g}")
        if step == begun:  # no batch of two photos
            break
    return float(f"{best:.2g}")
