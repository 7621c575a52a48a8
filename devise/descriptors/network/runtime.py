"""OpenVINO, without its telemetry: the package is kept from being imported, so that nothing can leave the machine."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it fails; OpenVINO goes on
openvino: Any = import_module("openvino")
opset13: Any = import_module("openvino.opset13")
Node = Any  # openvino.Node, or one output of it
