"""``asthma-ml predict`` as a script: predictions with reasons for a patient table."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["predict", *sys.argv[1:]])
