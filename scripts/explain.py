"""``asthma-ml explain`` under its plain name: why the model says what it says."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["explain", *sys.argv[1:]])
