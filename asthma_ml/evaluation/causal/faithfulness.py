"""The reasons that a model gives beside the causal model that made the patients.

For each documented factor the same patient is seen twice: as is, and as a twin in whom the factor is at
its reference. What differs between the two is what the factor truly does, to the endotype and to what an
ideal observer of the row would believe: its true log-odds. Beside it stands what the explanation credits
to the factor. SHAP explains the model, not the disease: this measures how far apart the two are, in
patients in whom both are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from asthma_ml.cohort import Interventions
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.intervals import percentiles, resampled
from asthma_ml.explanation import explain
from asthma_ml.inference import ERROR_ENDING, bayes_limit, probabilities
from asthma_ml.variables import FACTORS, ID, LABEL, TWO_CLASSES

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation.causal.twins import TwinCohort

Floats: TypeAlias = NDArray[np.float64]
Attribution: TypeAlias = "Callable[[PhenotypeClassifier, pd.DataFrame], pd.DataFrame]"

REFERENCES: Mapping[str, Interventions] = {
    "immune_profile": {
        "il4_drive": 0.0,
        "il5_drive": 0.6,
        "il13_drive": 0.55,
        "il17_drive": 0.1,
        "white_cell_set_point": 0.0,
    },
    "airway_remodeling": {"airway_remodeling": 0.8, "mucus_plugging": 0.4, "basement_membrane_um": 8.4},
    "genetics": {
        "glcci1_rs37973": 1,
        "crhr1_rs242941": 1,
        "fcer2_rs28364072": 0,
        "hsd3b1_rs1047303": 1,
        "cyp3a4_rs35599367": 0,
        "adrb2_rs1042713": 1,
        "il4ra_rs1801275": 0,
        "il13_rs20541": 0,
        "gsdmb_rs7216389": 1,
        "tgfb1_rs1800469": 1,
    },
    "environment": {
        "smoking_status": "never",
        "pack_years": 0.0,
        "pm25_ug_m3": 9.5,
        "no2_ug_m3": 18.0,
        "occupational_exposure": "none",
        "airway_bacterial_load": 0.0,
    },
    "adherence": {"inhaled_adherence": 1.0, "inhaler_technique": "correct", "takes_oral_steroid": 1},
    "patient_context": {
        "age_years": 52.0,
        "sex": "female",
        "bmi_kg_m2": 29.0,
        "childhood_onset": 0,
        "age_at_onset_years": 30.0,
        "ics_dose_ug_day": 1800.0,
        "ocs_dose_mg_day": 0.0,
        "biologic": "none",
    },
}
"""What each factor is set to: the median patient of the severe clinic, without harmful exposure, every dose taken,
no oral steroid and no biologic. Immune drives are set rather than markers, which follow from them."""

LEAST_MOVED = 0.2
"""Change of the true log-odds below which its sign is not asked for: about twice the error of a computed one."""
LEAST_MOVED_DRIVES = 0.05
FEWEST_JUDGED = 20
_TYPE2, _NEUTROPHILIC = "true_type2_drive", "true_neutrophilic_drive"


@dataclass(frozen=True)
class TrueEffects:
    """What setting each factor to its reference does to patients, and their rows before and after.

    Attributes
    ----------
    rows : DataFrame of shape (n_patients, n_columns)
        Patients as observed, by identifier.
    twins : dict of str to DataFrame of the same shape
        The same patients with a factor at its reference.
    endotype : DataFrame of shape (n_patients, 6)
        Fall of the type-2 drive minus that of the neutrophilic drive, each in its standard deviations.
    log_odds : DataFrame of shape (n_asked, 6)
        Fall of the true log-odds of Th2-high given the row, of the first patients; empty where not asked for.
    """

    rows: pd.DataFrame
    twins: dict[str, pd.DataFrame]
    endotype: pd.DataFrame
    log_odds: pd.DataFrame


def true_effects(
    cohort: TwinCohort, *, limit_patients: int = 0, n_particles: int = 1000, progress: bool = False
) -> TrueEffects:
    """Ask the causal model what each factor does to the patients of the two classes.

    Parameters
    ----------
    cohort : TwinCohort
        The patients.
    limit_patients : int, default=0
        Of how many the true log-odds are computed, which takes a third of a second each.
    n_particles : int, default=1000
        Particles of each row, as in `bayes_limit`.
    progress : bool, default=False
        Show progress on stderr.

    Returns
    -------
    TrueEffects
        Of the patients who are there in every twin.

    Raises
    ------
    UnusableInputError
        As `generate_cohort`; also where no patient is of one of the two classes.
    """
    worlds = {"": cohort.under()} | {factor: cohort.under(do) for factor, do in REFERENCES.items()}
    observed = {name: world.observed.set_index(ID) for name, world in worlds.items()}
    truth = {name: world.truth.set_index(ID)[[_TYPE2, _NEUTROPHILIC]] for name, world in worlds.items()}
    common = _in_every_world(cohort.asked_for(observed[""]), observed)
    spread = truth[""].std()
    moved = {factor: (truth[""].loc[common] - truth[factor].loc[common]) / spread for factor in FACTORS}
    asked = {name: table.loc[common[:limit_patients]] for name, table in observed.items() if limit_patients}
    belief = {name: _true_log_odds(rows, cohort, n_particles, progress) for name, rows in asked.items()}
    return TrueEffects(
        observed[""].loc[common],
        twins={factor: observed[factor].loc[common] for factor in FACTORS},
        endotype=pd.DataFrame({factor: change[_TYPE2] - change[_NEUTROPHILIC] for factor, change in moved.items()}),
        log_odds=pd.DataFrame({factor: belief[""] - belief[factor] for factor in FACTORS if belief}),
    )


def _in_every_world(rows: pd.DataFrame, worlds: Mapping[str, pd.DataFrame]) -> pd.Index[str]:
    """Patients of the two classes who are there in every twin."""
    common = rows.index[rows[LABEL].isin(TWO_CLASSES)]
    for table in worlds.values():
        common = common.intersection(table.index, sort=False)
    if common.empty:
        raise UnusableInputError("none of these patients is labelled with one of the two classes")
    return common


def _true_log_odds(rows: pd.DataFrame, cohort: TwinCohort, n_particles: int, progress: bool) -> pd.Series[Any]:
    limit = bayes_limit(rows, cohort.preset, n_particles, progress=progress)
    th2_high, other = probabilities(limit).T
    explained = limit[f"{TWO_CLASSES[0]}{ERROR_ENDING}"].notna()
    return pd.Series(np.log(th2_high / other), index=rows.index).where(explained)


def factor_values(model: PhenotypeClassifier, rows: pd.DataFrame) -> pd.DataFrame:
    """What `explain` credits to each factor, of shape (n_patients, 6) [log-odds of Th2-high]."""
    return explain(model, rows).factors


def evaluate_faithfulness(
    model: PhenotypeClassifier, effects: TrueEffects, attribution: Attribution = factor_values, *, seed: int = 0
) -> dict[str, Any]:
    """Compare what a model credits to each factor with what the factor does.

    Parameters
    ----------
    model : PhenotypeClassifier
        Of the two classes of the mission.
    effects : TrueEffects
        From `true_effects`.
    attribution : callable, default=factor_values
        What credits the factors of each row.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    dict
        `agreement`: a row for each factor and label, all patients first: `factor`, `label`, `n`, the mean size of the
        value credited (`mean_size`) and of the true change of the log-odds (`mean_true`), and three comparisons as
        `agreement` makes them: the value beside the change of the true log-odds (`log_odds`) and of the drives
        (`endotype`), and the fall of the model's own log-odds in the twin beside that of the true ones
        (`response`), which is how far the model could agree at best. `credit`: for each factor set to its
        reference, the mean size of the change of every factor's value: what is not on the diagonal is credited to
        a proxy. `adherence_proxy`: what patients with less than half of their doses on record lose once they take
        all, on average: the model's log-odds, each factor's value and the drives; the true log-odds of the first
        patients, `n_true` of them, with the model's log-odds of the same (`log_odds_beside`). None of few.

    Raises
    ------
    UnusableInputError
        The model names other classes, or has no column names.
    """
    refuse_other_classes(model)
    values = attribution(model, effects.rows)
    twins = {factor: attribution(model, twin) for factor, twin in effects.twins.items()}
    change = {factor: values - twin for factor, twin in twins.items()}
    labels = effects.rows[LABEL].astype(str)
    members = {"all": labels.notna()} | {label: labels == label for label in TWO_CLASSES}
    return {
        "agreement": [
            {"factor": factor, "label": label, **_agreement(values[factor], change[factor], effects, factor, who, seed)}
            for factor in FACTORS
            for label, who in members.items()
        ],
        "credit": {
            factor: {str(name): float(size) for name, size in moved.abs().mean().items()}
            for factor, moved in change.items()
        },
        "adherence_proxy": _adherence_proxy(change["adherence"], effects),
    }


def refuse_other_classes(model: PhenotypeClassifier) -> None:
    """Stop where a model does not explain Th2-high against neutrophilic disease."""
    if set(map(str, model.classes_)) != set(TWO_CLASSES):
        raise UnusableInputError(f"reasons are judged for models of {' and '.join(TWO_CLASSES)} only")


def _agreement(
    value: pd.Series[Any], change: pd.DataFrame, effects: TrueEffects, factor: str, member: pd.Series[bool], seed: int
) -> dict[str, Any]:
    """One factor among some patients: what is credited to it, and how the model answers its twin, beside the truth."""
    found: dict[str, Any] = {"n": int(member.sum()), "mean_size": float(value[member].abs().mean())}
    if not effects.log_odds.empty:
        true = effects.log_odds[factor].dropna()
        true = true[member[true.index]]
        response = change.loc[true.index].sum(axis=1)
        found["mean_true"] = _mean(true.abs())
        found["log_odds"] = agreement(value[true.index].to_numpy(), true.to_numpy(), LEAST_MOVED, seed)
        found["response"] = agreement(response.to_numpy(), true.to_numpy(), LEAST_MOVED, seed)
    moved = effects.endotype.loc[member, factor]
    found["endotype"] = agreement(value[member].to_numpy(), moved.to_numpy(), LEAST_MOVED_DRIVES, seed)
    return found


def agreement(value: Floats, true: Floats, least: float, seed: int = 0) -> dict[str, Any]:
    """How far values follow the truth, in rank and in sign.

    Parameters
    ----------
    value, true : ndarray of shape (n_patients,)
        What is credited and what is so.
    least : float
        Size of `true` from which on its sign counts.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    dict
        `n`, `n_moved`, `spearman` and `sign`, the last two with `value`, `lower` and `upper`, or None.

    Examples
    --------
    >>> true = np.linspace(-1, 1, 50)
    >>> found = agreement(true**3, true, least=0.1)
    >>> found["n_moved"], round(found["spearman"]["value"], 3), found["sign"]["value"]
    (46, 1.0, 1.0)
    >>> agreement(true, np.zeros(50), least=0.1)["spearman"] is None
    True
    """
    moved = np.abs(true) >= least
    found: dict[str, Any] = {"n": len(true), "n_moved": int(moved.sum()), "spearman": None, "sign": None}
    if found["n_moved"] < FEWEST_JUDGED:
        return found
    told = moved & (value != 0)
    right = (np.sign(value) == np.sign(true))[told]
    if len(right) < FEWEST_JUDGED:
        return found
    found["sign"] = _with_interval(lambda rows: float(right[rows].mean()), len(right), seed)
    found["spearman"] = _with_interval(lambda rows: _spearman(value[rows], true[rows]), len(true), seed)
    return found


def _with_interval(figure: Callable[[NDArray[np.intp]], float], n: int, seed: int) -> dict[str, float]:
    everybody = np.arange(n)
    samples = [figure(np.repeat(everybody, times)) for times in resampled(n, seed)]
    return percentiles(figure(everybody), [sample for sample in samples if not np.isnan(sample)])


def _spearman(left: Floats, right: Floats) -> float:
    left, right = rankdata(left), rankdata(right)
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def _adherence_proxy(change: pd.DataFrame, effects: TrueEffects) -> dict[str, Any] | None:
    """What patients who take little lose once they take all, in the eyes of the model and in truth."""
    untaken = effects.endotype.index[effects.rows["ics_adherence_fraction"] < 0.5]
    if len(untaken) < FEWEST_JUDGED:
        return None
    found: dict[str, Any] = {
        "n": len(untaken),
        "log_odds": float(change.loc[untaken].sum(axis=1).mean()),
        **{factor: float(change.loc[untaken, factor].mean()) for factor in FACTORS},
        "endotype": float(effects.endotype.loc[untaken, "adherence"].mean()),
    }
    if not effects.log_odds.empty:
        true = effects.log_odds["adherence"].reindex(untaken).dropna()
        beside = change.loc[true.index].sum(axis=1)
        found |= {"n_true": len(true), "true_log_odds": _mean(true), "log_odds_beside": _mean(beside)}
    return found


def _mean(values: pd.Series[float]) -> float | None:
    """Mean, None of nobody."""
    return float(values.mean()) if len(values) else None
