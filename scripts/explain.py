"""``asthma-ml explain`` as a script: explanations of predictions."""

from __future__ import annotations

import sys

from asthma_ml.cli import main

if __name__ == "__main__":
    main(["explain", *sys.argv[1:]])
