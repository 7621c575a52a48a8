"""All of them one after another: `make test-slow`. Options are handed on, such as --full."""

from __future__ import annotations

import subprocess
import sys

ALL = ("crashes", "disks", "together", "damage", "pictures", "models", "soak", "load", "requests")
MORE = ("fuzzing",)  # needs atheris, in whatever Python has it: python -m tests.endurance.fuzzing


def main() -> None:
    failed = []
    for name in ALL:
        print(f"\npython -m tests.endurance.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.endurance.{name}", *sys.argv[1:]]).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
