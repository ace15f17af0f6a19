"""Start of the command line.

ours   `asthma-ml predict` of one patient, `--help`, and a usage error
peer   `peers/naive.py` for the same patient
floor  `python -c "import numpy, pandas"`
unit   seconds of a new process
"""

from __future__ import annotations

from collections.abc import Iterator

from results import Goal, Row, compared
from setting import Setting

from speed.predict_files import NAIVE, naive_model

FLOOR = "import numpy, pandas"
COMMANDS = {
    "--help": (["--help"], 0.3),
    "predict --help": (["predict", "--help"], None),
    "usage error": (["no-such"], 0.3),
}
EXTRA_ROUNDS = 3


def rows(setting: Setting) -> Iterator[Row]:
    """One patient, help, and a usage error."""
    source, out = setting.patients(1), setting.folder / "out.csv"
    tasks = {
        NAIVE["features"]: setting.peer("naive.py", "predict", naive_model(setting), source, out),
        FLOOR: setting.python(FLOOR),
        "python": setting.python("pass"),
        "ours": setting.ours("predict", source, "-o", out),
    }
    tasks |= {name: setting.ours(*call, exit_codes=(0, 2)) for name, (call, _) in COMMANDS.items()}
    tasks |= setting.earlier("predict", source, "-o", out)
    runs = setting.timed(tasks, extra=EXTRA_ROUNDS, warm_up=tasks)
    yield compared(runs, "predict one patient", 1, "ours", peer=NAIVE["features"], floor=FLOOR, goal=Goal(None, 0.8))
    for name, (_, most) in COMMANDS.items():
        yield compared(runs, f"asthma-ml {name}", None, name, floor=FLOOR, goal=Goal(None, most))
    yield compared(runs, "python without imports", None, "python", floor=FLOOR)
