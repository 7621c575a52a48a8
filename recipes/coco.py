"""The detector's classes by name, and the words that people use for them."""

from __future__ import annotations

from torchvision.models._meta import _COCO_CATEGORIES

COCO = [name for name in _COCO_CATEGORIES if name not in ("__background__", "N/A")]  # in the detector's order

# Classes whose name is not the word, or not the only one, that people ask with
WORDS_OF = {"airplane": ("airplane", "aeroplane"), "cell phone": ("phone", "cell phone"), "couch": ("sofa", "couch"),
            "dining table": ("dining table", "table"), "donut": ("doughnut",), "hair drier": ("hair dryer",),
            "motorcycle": ("motorbike", "motorcycle"), "potted plant": ("potted plant", "plant"),
            "remote": ("remote control",), "sports ball": ("ball",), "teddy bear": ("teddy bear", "toy"),
            "tv": ("television", "tv")}  # fmt: skip
KINDS = {"animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
         "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
         "fruit": ("banana", "apple", "orange"), "furniture": ("chair", "couch", "bed", "dining table"),
         "food": ("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"),
         }  # fmt: skip
OF_VOC = {"aeroplane": "airplane", "diningtable": "dining table", "motorbike": "motorcycle",
          "pottedplant": "potted plant", "sofa": "couch", "tvmonitor": "tv"}  # fmt: skip


def words_of(name: str) -> tuple[str, ...]:
    """What people call it, the usual word first.

    >>> words_of("tv")
    ('television', 'tv')
    """
    return WORDS_OF.get(name, (name,))
