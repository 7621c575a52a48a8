"""kill -9 before, amid and after every write, and at random moments: nothing is lost but what was under way.

python -m tests.endurance.crashes [--rounds N | --full]
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.endurance import signals
from tests.endurance.deeds import Deed, Files, imported, of_files, of_libraries, small
from tests.endurance.rounds import Rounds, Tally, asked
from tests.endurance.writes import Ended, How, count, ended, forked, with_writes


def main() -> None:
    rounds = asked(__doc__, few=1)
    exact = with_writes()
    small()
    imported()
    chance = random.Random(rounds.seed)
    with tempfile.TemporaryDirectory(prefix="devise-endurance-") as base:
        tally = Tally()
        for deed in (deed for deed in (*of_libraries(), *of_files()) if rounds.only in deed.name):
            if isinstance(deed, Files):
                imported("gensim.models", "openvino", "torch", "devise.words.importing", "devise.training.loop")
            deed.begin(Path(base))
            if exact:
                _each_write(deed, rounds, chance, tally)
            _random_moments(deed, rounds, chance, tally)
        if rounds.only in signals.NAME:
            signals.with_the_real_model(Path(base), rounds, chance, tally)
    sys.exit(tally.told())


def _each_write(deed: Deed, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    deed.ground()
    num_writes = count(lambda say: deed.act(deed.folder, say), deed.folder)
    for at in rounds.some(range(1, num_writes + 1), chance):
        how = (How.DIE, How.TEAR)[(at + rounds.seed) % 2]  # before it, or amid it, which is after the one before
        deed.ground()
        end = ended(forked(lambda say: deed.act(deed.folder, say), deed.folder, how, at))
        _judge(deed, f"kill -9 at each of {num_writes} writes", f"{how.name} at {at}", end, tally)


def _random_moments(deed: Deed, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    seconds = deed.seconds()
    for _ in rounds.number(full=25):
        deed.ground()
        wait = chance.uniform(0, 1.1 * seconds)
        child = forked(lambda say: deed.act(deed.folder, say))
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        _judge(deed, "kill -9 at random moments", f"after {wait:.3f} s", ended(child), tally)


def _judge(deed: Deed, what: str, which: str, end: Ended, tally: Tally) -> None:
    problems = [end.error] if end.status in (1, 2) else []
    problems += deed.problems(end.number if end.status else 0)
    problems += deed.finish()
    tally.add(deed.name, what, which, problems)


if __name__ == "__main__":
    main()
