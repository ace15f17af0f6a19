"""What a user would write instead: pandas, HistGradientBoosting, shap and `to_csv`.

    python naive.py fit PATIENTS.csv MODEL.joblib          # once, not timed
    python naive.py predict MODEL.joblib PATIENTS.csv OUT.csv [factors|features]
    python naive.py train PATIENTS.csv MODEL.joblib JOBS

200 trees of depth 3, as many as the shipped model has. `train` calibrates by five folds and scores held-out
probabilities of other five folds.
"""

from __future__ import annotations

import sys

import joblib
import numpy as np
import pandas as pd

NO_FEATURES = ["patient_id", "site", "phenotype"]
CLASSES = ["neutrophilic_th2_low", "th2_high"]


def boosting():
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    return HistGradientBoostingClassifier(max_iter=200, max_depth=3, learning_rate=0.06, early_stopping=False)


def encode(table: pd.DataFrame, codes: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Features as numbers; categories by their codes."""
    features = table.drop(columns=NO_FEATURES)
    return features.assign(**{name: features[name].map(of) for name, of in codes.items()}).astype(float)


def training_data(source: str):
    """Features, labels and codes of the patients of two classes."""
    table = pd.read_csv(source)
    table = table[table["phenotype"].isin(CLASSES)]
    text = table.drop(columns=NO_FEATURES).select_dtypes(exclude="number")
    codes = {name: {level: k for k, level in enumerate(sorted(text[name].dropna().unique()))} for name in text}
    return encode(table, codes), table["phenotype"], codes


def fit(source: str, path: str) -> None:
    from asthma_ml.classifier import factor_of_features  # noqa: PLC0415
    from asthma_ml.variables import FACTORS  # noqa: PLC0415

    X, y, codes = training_data(source)
    factors = np.array(FACTORS)[factor_of_features(np.array(X.columns))]
    joblib.dump({"model": boosting().fit(X, y), "codes": codes, "factors": factors}, path)


def predict(path: str, source: str, output: str, level: str = "features") -> None:
    import shap  # noqa: PLC0415

    fitted = joblib.load(path)
    table = pd.read_csv(source)
    X = encode(table, fitted["codes"])
    probability = fitted["model"].predict_proba(X)
    values = pd.DataFrame(shap.TreeExplainer(fitted["model"]).shap_values(X), columns=[f"shap_{name}" for name in X])
    if level == "factors":
        values = values.T.groupby(fitted["factors"]).sum().T
    called = pd.DataFrame(probability, columns=[f"p_{name}" for name in CLASSES])
    called["call"] = np.array(CLASSES)[probability.argmax(axis=1)]
    pd.concat([table, called, values], axis=1).to_csv(output, index=False)


def train(source: str, path: str, jobs: str) -> None:
    from sklearn.calibration import CalibratedClassifierCV  # noqa: PLC0415
    from sklearn.metrics import log_loss, roc_auc_score  # noqa: PLC0415
    from sklearn.model_selection import cross_val_predict  # noqa: PLC0415

    X, y, _ = training_data(source)
    model = CalibratedClassifierCV(boosting(), cv=5)
    held_out = cross_val_predict(model, X, y, cv=5, method="predict_proba", n_jobs=int(jobs))
    scores = {"log_loss": log_loss(y, held_out), "auc": roc_auc_score(y == CLASSES[1], held_out[:, 1])}
    joblib.dump({"model": model.fit(X, y), "scores": scores}, path)


if __name__ == "__main__":
    {"fit": fit, "predict": predict, "train": train}[sys.argv[1]](*sys.argv[2:])
