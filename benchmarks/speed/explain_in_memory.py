"""`explain()` of a table in memory, one thread.

ours   `explain` with the shipped model: contributions, calls and the auxiliary classifier, as data frames; for
       mechanisms also their contributions
alone  mechanism contributions of patients whom SHAP has explained already
peer   `shap.TreeExplainer` of a HistGradientBoosting model of 200 trees of depth 3; others where they are installed
floor  `CompiledClassifier.shapley_values` of encoded features: the kernels, without calls and tables
unit   seconds in this process
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import joblib
import numpy as np
import pandas as pd
from peers import explainers, naive
from results import Goal, Row, compared
from setting import Setting
from timing import function

import asthma_ml as aml
from asthma_ml.explanation import contributions_of, mechanism_contributions
from speed.predict_files import naive_model

N_PATIENTS, LEVELS = 50_000, ("features", "factors")
SHAP, KERNEL = "shap.TreeExplainer", "kernels alone"
MECHANISMS, MECHANISMS_ALONE = "ours, mechanisms", "ours, mechanisms alone"


def rows(setting: Setting) -> Iterator[Row]:
    """Features, factors and mechanisms of 50,000 patients."""
    table = pd.read_csv(setting.patients(N_PATIENTS), keep_default_na=False, na_values=[""])
    compiled = aml.load_model("shipped", compiled=True)
    encoded = compiled.encode(table).to_numpy()
    tasks = {SHAP: function(shap_task(setting, table)), KERNEL: function(lambda: compiled.shapley_values(encoded))}
    mine = {
        f"ours, {level}": function(lambda level=level: aml.explain(compiled, table, level=level)) for level in LEVELS
    }
    explained = contributions_of(compiled, encoded, per_feature=False)
    mine[MECHANISMS] = function(lambda: aml.explain(compiled, table, method="mechanisms"))
    mine[MECHANISMS_ALONE] = function(lambda: mechanism_contributions(explained))
    others = explainers.tasks(encoded, np.asarray(table["phenotype"]) == "th2_high") if setting.full else {}
    runs = setting.timed(tasks | mine | others, warm_up=[*mine, KERNEL])
    for level in LEVELS:
        job = f"explain() in memory, {level}"
        yield compared(runs, job, N_PATIENTS, f"ours, {level}", peer=SHAP, floor=KERNEL, goal=Goal(30))
        for other in others:
            yield compared(runs, job, N_PATIENTS, f"ours, {level}", peer=other)
    for name in (MECHANISMS, MECHANISMS_ALONE):
        yield compared(runs, name.replace("ours", "explain() in memory"), N_PATIENTS, name, peer=SHAP, floor=KERNEL)


def shap_task(setting: Setting, table: pd.DataFrame) -> Callable[[], object]:
    """Task that explains the same patients by shap; the features are encoded already."""
    import shap  # noqa: PLC0415

    fitted = joblib.load(naive_model(setting))
    X = naive.encode(table, fitted["codes"]).to_numpy()
    return lambda: shap.TreeExplainer(fitted["model"]).shap_values(X)
