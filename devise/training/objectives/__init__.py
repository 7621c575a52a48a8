"""Objectives: what a training run minimises."""
