"""Description of the machine, the libraries and the code that a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "shap", "numba", "scipy")


def machine() -> dict[str, str]:
    """Processor, cores, memory, versions, commit, date and threads."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": f"{os.cpu_count()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "asthma_ml": _commit(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
    }


def load_average() -> str:
    """Load averages over 1, 5 and 15 minutes."""
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())


def _commit() -> str:
    call = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(call, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or version("asthma-ml")


def _field(path: Path, name: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
