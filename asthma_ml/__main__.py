"""``python -m asthma_ml``: the same as ``asthma-ml``."""

from __future__ import annotations

from asthma_ml.cli import main

if __name__ == "__main__":
    main()
