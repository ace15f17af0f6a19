"""``asthma-ml evaluate`` as a script: evaluation of a model on labelled patients."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
