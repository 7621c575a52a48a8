"""The student of several teachers: a folded backbone, a small head for each teacher, and how far it is from each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

from devise.descriptors.network.backbones import Backbone
from devise.descriptors.network.checkpoint import Checkpoint
from devise.descriptors.network.config import BackboneConfig, HeadConfig
from devise.descriptors.network.heads import ClassesHead, WordsHead
from devise.descriptors.network.preprocess import IMAGENET_MEAN, IMAGENET_STD
from devise.vectors import num_best
from recipes.detector import NUM_CLASSES
from recipes.views import Views

CLIP_DIM = 512
FROZEN = 6  # first layers, three convolutions, that do not learn on: edges are edges, and a step takes 0.78 of the time
RARE = -4.0  # first logit of a detector's class: most are nowhere
MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
SHARPNESS = 20.0  # of cosines among the photos of a step, when told apart by them


@dataclass(frozen=True)
class Answers:
    """clip: (n, 512); clip_of_parts: (n, k, 512), without parts k = 0; places: (n, 80, h, w) logits; detections:
    (n, 80) logits; classes: (n, 1000) logits.
    """

    clip: Tensor
    clip_of_parts: Tensor
    places: Tensor
    detections: Tensor
    classes: Tensor


class MultiStudent(nn.Module):
    """(n, 3, h, w) -> what it thinks that each teacher would say."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone, width = backbone, backbone.config.num_features
        self.heads = nn.ModuleDict({
            "clip": nn.Linear(width, CLIP_DIM),
            "places": nn.Conv2d(width, NUM_CLASSES, 1),
            "classes": nn.Linear(width, 1000),
        })  # fmt: skip
        self.backbone.features[:FROZEN].requires_grad_(False)
        nn.init.normal_(self.heads["places"].weight, std=0.01)
        nn.init.constant_(self.heads["places"].bias, RARE)

    def take_classes(self, head: WordsHead | ClassesHead | None) -> None:
        if isinstance(head, ClassesHead):
            self.heads["classes"].load_state_dict(head.layer.state_dict())

    def forward(self, pixels: Tensor, parts: Tensor | None = None, *, learns: bool = True) -> Answers:
        """parts: (n, k, h, w), shares of the positions in each; learns: whether the backbone does, beside the heads."""
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            maps = self.maps(pixels)
        return self.answers(maps, parts)

    def maps(self, pixels: Tensor) -> Tensor:
        """(n, num_features, h, w)"""
        layers = self.backbone.features
        with torch.no_grad():
            x = layers[:FROZEN](pixels)
        maps: Tensor = self.backbone.top(layers[FROZEN:](x))
        return maps

    def answers(self, maps: Tensor, parts: Tensor | None = None) -> Answers:
        """maps: (n, num_features, h, w); parts: (n, k, h, w)"""
        features, places = maps.mean((2, 3)), self.heads["places"](maps).float()
        best = places.flatten(2).topk(num_best(places[0, 0].numel()), dim=2).values.mean(2)
        shares = maps.new_zeros(len(maps), 0, *maps.shape[2:]) if parts is None else parts.to(maps.dtype)
        of_parts = shares.flatten(2) @ maps.flatten(2).transpose(1, 2)
        clip, of_parts = self.heads["clip"](features).float(), self.heads["clip"](of_parts).float()
        return Answers(clip, of_parts, places, best, self.heads["classes"](features).float())


def as_checkpoint(state: Path) -> Checkpoint:
    """What recipes.refine has made so far: the backbone and the ImageNet classes of its average."""
    saved = torch.load(state, weights_only=True)
    student = MultiStudent(Backbone(BackboneConfig.from_json(saved["config"])))
    student.load_state_dict(saved["average"])
    made = Checkpoint(name="slim", backbone=student.backbone.eval())
    labels, width = tuple(_IMAGENET_CATEGORIES), student.backbone.config.num_features
    head = made.add_head(HeadConfig(kind="classes", num_features=width, num_out=len(labels), labels=labels))
    head.get_submodule("layer").load_state_dict(student.heads["classes"].state_dict())
    return made


@dataclass(frozen=True)
class Losses:
    """Weights of what each teacher says; a teacher with weight 0 is not listened to (for ablations)."""

    clip: float = 3.0  # knows most: logistic regression on it finds held-out VOC words with 0.75, the detector 0.66
    telling_apart: float = 0.5
    parts: float = 2.0
    places: float = 0.5
    detections: float = 0.25
    classes: float = 0.5

    def __call__(self, answers: Answers, views: Views) -> dict[str, Tensor]:
        """Each loss, weighted: means over the photos that its teacher has seen."""
        ours, theirs = F.normalize(answers.clip, dim=1), F.normalize(views.clip, dim=1)
        seen = views.has_clip.sum().clamp(min=1)
        rows = views.has_clip > 0
        logits = SHARPNESS * ours[rows] @ theirs[rows].T
        apart = F.cross_entropy(logits, torch.arange(len(logits))) if len(logits) > 1 else logits.sum()
        n, positions = len(ours), views.places[0, 0].numel()
        on_places = F.binary_cross_entropy_with_logits(answers.places, views.places, reduction="sum") / n / positions
        on_best = F.binary_cross_entropy_with_logits(answers.detections, views.detections, reduction="sum") / n
        has_part = (views.parts.sum((2, 3)) > 0).float()
        away = 1 - F.cosine_similarity(answers.clip_of_parts, views.clip_of_parts, dim=2)
        on_classes = F.kl_div(answers.classes.log_softmax(1), views.classes, reduction="none").sum(1)
        return {
            "clip": self.clip * ((1 - (ours * theirs).sum(1)) * views.has_clip).sum() / seen,
            "telling apart": self.telling_apart * apart,
            "parts": self.parts * (away * has_part).sum() / has_part.sum().clamp(min=1),
            "places": self.places * on_places,
            "detections": self.detections * on_best,
            "classes": self.classes * (on_classes * views.has_classes).sum() / views.has_classes.sum().clamp(min=1),
        }


def normalized(pixels: Tensor) -> Tensor:
    """(n, 3, h, w) in 0..1 -> what the backbone takes."""
    return (pixels - MEAN) / STD
