"""Cross-validation on real patients: FeNO of 25 ppb or more, predicted from all other columns of a survey.

    python benchmarks/nhanes_feno.py asthma_adults_2005_2010.csv --seeds 10 -o nhanes_feno.csv

Adults with asthma of NHANES 2007-2010, mapped by examples/nhanes.toml; the file is not part of the project. All
contenders use the same five folds of each seed. The output file contains the held-out probability of each person and
is not kept in the repository; results in it are not measured again. LightGBM, XGBoost and EBM take part where they
are installed. ``--summary`` prints the table of nhanes_feno.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from learning_curves import CONTENDERS, OURS, is_installed
from measures import ResultFile, markdown_table
from scipy.stats import rankdata
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

import asthma_ml as aml
from asthma_ml.classifier import encode_features
from asthma_ml.training import at_least, labelled_patients

EOSINOPHILS = "blood eosinophils only"
N_FOLDS, N_BOOTSTRAP = 5, 500
COLUMN_MAP = Path(__file__).parent.parent / "examples" / "nhanes.toml"


def survey(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Features of the people with a FeNO measurement, and whether it is at least 25 ppb."""
    rule = at_least("feno_ppb", 25)
    labelled = labelled_patients(aml.read_patients(path, COLUMN_MAP), rule, rule.classes)
    measured = labelled.features.dropna(axis=1, how="all")
    return encode_features(measured), (labelled.labels == rule.classes[1]).to_numpy()


def out_of_fold(name: str, X: pd.DataFrame, y: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Held-out probabilities, and CPU time [s]."""
    started, p = time.process_time(), np.empty(len(y))
    for seen, held_out in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y):
        model = CONTENDERS[name](len(seen)).fit(X.iloc[seen], y[seen].astype(int))
        p[held_out] = model.predict_proba(X.iloc[held_out])[:, 1]
    return p, time.process_time() - started


def summary(rows: pd.DataFrame, X: pd.DataFrame, y: np.ndarray) -> str:
    """AUC and log-loss over seeds, and the difference in AUC to `PhenotypeClassifier` with its bootstrap interval."""
    kept = {name: np.vstack(list(of["p"].map(from_text))) for name, of in rows.groupby("contender", sort=False)}
    eosinophils = X["blood_eosinophils_cells_ul"]
    kept[EOSINOPHILS] = eosinophils.fillna(eosinophils.median()).to_numpy()[None]
    people = np.random.default_rng(0).integers(0, len(y), (N_BOOTSTRAP, len(y)))
    drawn = {name: np.mean([aucs(y[people], p[people]) for p in scores], axis=0) for name, scores in kept.items()}
    auc_of = {name: float(np.mean([roc_auc_score(y, p) for p in scores])) for name, scores in kept.items()}
    head, lines = ["", "AUC", f"AUC - {OURS} (95 % CI)", "log-loss", "seeds", "CPU s per seed"], []
    for name, auc in sorted(auc_of.items(), key=lambda of: -of[1]):
        gap = drawn[name] - drawn[OURS]
        low, high = np.percentile(gap, [2.5, 97.5])
        cells = [name, f"{auc:.3f}", "" if name == OURS else f"{auc - auc_of[OURS]:+.3f} ({low:+.3f} to {high:+.3f})"]
        if name != EOSINOPHILS:
            loss = np.mean([log_loss(y, p) for p in kept[name]])
            seconds = rows.loc[rows["contender"] == name, "cpu_s"].median()
            cells += [f"{loss:.3f}", str(len(kept[name])), f"{seconds:.1f}"]
        lines.append(cells + [""] * (6 - len(cells)))
    return f"{len(y)} people, {y.mean():.0%} with 25 ppb or more, {X.shape[1]} columns\n\n{markdown_table(head, lines)}"


def aucs(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each row; ties count one half."""
    n_positive, n = y.sum(axis=1), y.shape[1]
    ranks = (rankdata(score, axis=1) * y).sum(axis=1)
    return (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * (n - n_positive))


def as_text(p: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in p)


def from_text(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("survey", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    X, y = survey(given.survey)
    results = ResultFile(given.output, key=("contender", "seed"))
    if given.summary:
        print(summary(results.table(), X, y))
        return
    warnings.filterwarnings("ignore")
    for seed in range(given.seeds):
        for name in given.contenders:
            if (name, seed) in results or not is_installed(name):
                continue
            p, seconds = out_of_fold(name, X, y, seed)
            results.append({"contender": name, "seed": seed, "cpu_s": round(seconds, 2), "p": as_text(p)})
            print(seed, name, f"AUC {roc_auc_score(y, p):.4f}, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
