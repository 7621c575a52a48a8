"""Labelled photos as people keep them: folders, CSVs, COCO, YOLO. All become examples; nothing else knows of files."""
