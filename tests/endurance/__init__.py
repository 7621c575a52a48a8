"""What takes minutes and destroys things: processes that are killed, disks that fill up, many programs at once.

Each module is a program: python -m tests.endurance.crashes, disks or together, with --rounds N or --full.
"""
