"""Prediction sets and Venn-Abers intervals of the libraries crepes and venn-abers, as a reference for the tests.

    python -m venv reference && reference/bin/pip install venn-abers==1.5.4 crepes==0.9.1
    cd tests/classifier/uncertainty
    ../../../reference/bin/python ../../../benchmarks/prediction_sets_reference.py prediction_sets_reference.json

Runs without asthma_ml. The file contains the scores, the results and the versions of the libraries;
tests/classifier/uncertainty/test_prediction_sets.py compares them with the project's own code.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from crepes import ConformalClassifier
from venn_abers import VennAbers

CONFIDENCES = (0.6, 0.8, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output

    rng = np.random.default_rng(20_261_125)
    codes = (rng.random(120) < 0.35).astype(int)
    seen = np.round(1 / (1 + np.exp(0.6 - rng.normal(2 * codes - 1, 1.4))), 3)
    fresh = np.round(np.r_[rng.random(20), seen[:20]], 3)

    intervals = VennAbers()
    intervals.fit(np.column_stack([1 - seen, seen]), codes)
    _, ends = intervals.predict_proba(np.column_stack([1 - fresh, fresh]))

    by_class = np.column_stack([1 - seen, seen])
    own = 1 - by_class[np.arange(len(codes)), codes]
    conformal = ConformalClassifier()
    conformal.fit(own, bins=codes)
    strange = np.column_stack([fresh, 1 - fresh])
    p_values = np.column_stack(
        [conformal.predict_p(strange[:, [k]], bins=np.full(len(fresh), k), smoothing=False).ravel() for k in (0, 1)]
    )
    found = {
        "made_by": {name: version(name) for name in ("venn-abers", "crepes", "numpy", "scikit-learn")},
        "seen": seen.tolist(),
        "codes": codes.tolist(),
        "fresh": fresh.tolist(),
        "venn_abers": np.round(ends, 9).tolist(),
        "sets": {str(c): (p_values > 1 - c + 1e-12).astype(int).tolist() for c in CONFIDENCES},
    }
    text = json.dumps(found, separators=(",", ":")).replace('],"', '],\n"').replace('},"', '},\n"')
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
