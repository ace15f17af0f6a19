"""``asthma-ml generate`` as a script: synthetic cohorts."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["generate", *sys.argv[1:]])
