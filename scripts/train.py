"""``asthma-ml train`` as a script: training of a model on a labelled patient table."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
