"""``asthma-ml predict`` under its plain name: a patient table with the model's answer and its reasons."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["predict", *sys.argv[1:]])
