"""The network descriptor: VGG backbones with heads, as data, by torch and by OpenVINO."""
