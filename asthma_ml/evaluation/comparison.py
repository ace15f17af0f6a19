"""Comparison of a challenger with the model in use, the champion, on the same labelled patients."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.abstention import FEWEST_OF_A_DIAGNOSIS, RARE_LABELS
from asthma_ml.evaluation.criteria import Criteria, Verdict, judge
from asthma_ml.evaluation.metrics import LabelledPredictions, class_codes, predict_labelled
from asthma_ml.evaluation.paired import OF_CALLS, PairedFigures, Predicted, paired_figures
from asthma_ml.evaluation.subgroups import FEWEST_OF_EACH_CLASS, subgroups_of
from asthma_ml.intervals import PatientRows
from asthma_ml.prediction import detect_shift, shift_statistics, shift_warning
from asthma_ml.training import LabelRule, as_patient_table
from asthma_ml.variables import LABEL

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

CHAMPION, CHALLENGER = "champion", "challenger"
NO_CALL = "no call"


def compare_models(
    champion: PhenotypeClassifier,
    challenger: PhenotypeClassifier,
    patients: PatientTable | pd.DataFrame,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    criteria: Criteria | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare a challenger with the model in use on the same labelled patients, and judge it.

    Parameters
    ----------
    champion, challenger : PhenotypeClassifier
        The model in use, and the one that may replace it; fitted, with the same classes.
    patients : PatientTable or DataFrame
        Table from `read_patients`, by which a DataFrame is read first; training patients of neither model.
    label : str or LabelRule
        Column that holds the class, or a rule that derives it.
    levels : mapping of str to str, optional
        Class of each level of the column.
    criteria : Criteria, mapping, path or None
        What the challenger must meet, as the path of a TOML file or its content: for each figure `better_by_at_least`
        or `worse_by_at_most` (of the difference), `at_least` or `at_most` (of the challenger). Each must hold over the
        whole 95 % interval. Default: the log-loss of the challenger must be lower.
    seed : int, default=0
        Seed of the bootstrap samples of patients.

    Returns
    -------
    dict
        `accepted`, `reasons` for a refusal, and `criteria` with the verdict on each. `modelled_classes`, for patients
        whose label is a class of the models: `n`, `class_counts`, `figures` with the estimates of `champion` and
        `challenger` and their `difference`, and the same for each of the `subgroups`. `all_diagnoses`, for all labelled
        patients: `n`, `figures` of calls, and `reclassification`, the number of patients by label and call of both
        models. `nominal_coverage`, `excluded` and `warnings`. A number of patients `n` has `n_rows` beside it if it is
        another.

    Raises
    ------
    UnusableInputError
        The models have different classes, the criteria are not valid, or as `evaluate_model`.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> few, many = (aml.generate_cohort(n, seed=n).training_data() for n in (60, 600))
    >>> old, new = (aml.PhenotypeClassifier(n_trees=10).fit(*patients) for patients in (few, many))
    >>> found = aml.compare(old, new, aml.generate_cohort(600, seed=1).observed)
    >>> found["accepted"], found["modelled_classes"]["figures"]["log_loss"]["difference"]["upper"] < 0
    (True, True)
    """
    wanted = Criteria.of(criteria)
    refuse_different_classes(champion, challenger)
    table = as_patient_table(patients)
    old, new = (predict_labelled(model, table, label, levels=levels) for model in (champion, challenger))
    return compare_predictions(old, new, wanted, seed=seed)


compare = compare_models


def compare_predictions(
    champion: LabelledPredictions, challenger: LabelledPredictions, criteria: Criteria, *, seed: int = 0
) -> dict[str, Any]:
    """Compare predictions of the same labelled patients, see `compare_models`."""
    rows, names = champion.patients, [str(name) for name in champion.model.classes_]
    codes, subgroups = _codes(champion), dict(_subgroups(champion))
    groups: dict[Any, NDArray[np.bool_]] = {"modelled": codes >= 0, "all": np.ones(len(codes), dtype=bool)}
    groups |= {
        group: member
        for group, member in subgroups.items()
        if min(_class_counts(codes[member], rows.take(member), names).values()) >= FEWEST_OF_EACH_CLASS
    }
    old, new = (
        Predicted(each.probability, each.in_set, each.status == "ok") for each in (champion.calls, challenger.calls)
    )
    found = paired_figures(old, new, codes, rows, groups, seed=seed)
    of_calls = {name: found["all"][name] for name in OF_CALLS}
    verdicts = judge(criteria, found["modelled"], of_calls, {" ".join(name): found.get(name) for name in subgroups})

    def of_group(member: NDArray[np.bool_], figures: PairedFigures | None) -> dict[str, Any]:
        counts = _class_counts(codes[member], rows.take(member), names)
        return {**rows.take(member).counts, "class_counts": counts, "figures": figures}

    return {
        "accepted": not any(each.reasons for each in verdicts),
        "reasons": [reason for each in verdicts for reason in each.reasons],
        "criteria": [each.summary for each in verdicts],
        "modelled_classes": {
            **of_group(codes >= 0, found["modelled"]),
            "subgroups": [
                {"characteristic": group[0], "subgroup": group[1], **of_group(member, found.get(group))}
                for group, member in subgroups.items()
            ],
        },
        "all_diagnoses": {
            **rows.counts,
            "figures": of_calls,
            "reclassification": list(_reclassification(champion, challenger)),
        },
        "nominal_coverage": {CHAMPION: champion.model.confidence, CHALLENGER: challenger.model.confidence},
        "excluded": dict(champion.excluded),
        **(
            {"excluded_patients": dict(champion.excluded_patients)}
            if champion.excluded_patients != champion.excluded
            else {}
        ),
        "warnings": list(_warnings(champion, challenger, verdicts)),
    }


def refuse_different_classes(champion: PhenotypeClassifier, challenger: PhenotypeClassifier) -> None:
    """Refuse two models whose probabilities are of different classes."""
    of_champion, of_challenger = ([str(name) for name in model.classes_] for model in (champion, challenger))
    if of_champion != of_challenger:
        raise UnusableInputError(
            f"the models have different classes and cannot be compared: the champion {', '.join(of_champion)}; "
            f"the challenger {', '.join(of_challenger)}"
        )


def _codes(predicted: LabelledPredictions) -> NDArray[np.intp]:
    """Index of the class of each row; -1 for another diagnosis."""
    modelled = predicted.modelled
    codes = np.full(len(modelled), -1, dtype=np.intp)
    codes[modelled] = class_codes(
        predicted.model.classes_, predicted.labels[modelled], predicted.patients.take(modelled)
    )
    return codes


def _class_counts(codes: NDArray[np.intp], rows: PatientRows, names: list[str]) -> dict[str, int]:
    """Number of patients of each class."""
    return {name: rows.n_patients_where(codes == k) for k, name in enumerate(names)}


def _subgroups(predicted: LabelledPredictions) -> Iterator[tuple[tuple[str, str], NDArray[np.bool_]]]:
    """Yield the characteristic and the name of each subgroup of the modelled classes, and its rows."""
    modelled = predicted.modelled
    table = predicted.table[modelled].reset_index(drop=True)
    for characteristic, groups in subgroups_of(table, predicted.patients.take(modelled)).items():
        for name in sorted(groups.unique()):
            member = np.zeros(len(modelled), dtype=bool)
            member[modelled] = groups == name
            yield (characteristic, name), member


def _reclassification(champion: LabelledPredictions, challenger: LabelledPredictions) -> Iterator[dict[str, Any]]:
    """Yield the number of patients with each label and each pair of calls, without pairs that do not occur."""
    old, new = (
        np.where(each.calls.called_texts.missing, NO_CALL, each.calls.most_probable) for each in (champion, challenger)
    )
    labels, rows = _with_rare_labels(champion), champion.patients
    triples = np.column_stack([labels, old, new]).astype(str)
    for triple in np.unique(triples, axis=0):
        counts = rows.take((triples == triple).all(axis=1)).counts
        yield {**dict(zip(("label", CHAMPION, CHALLENGER), triple.tolist(), strict=True)), **counts}


def _with_rare_labels(predicted: LabelledPredictions) -> NDArray[Any]:
    """Label of each row; other diagnoses of few patients have one name."""
    others = np.unique(predicted.labels[~predicted.modelled])
    rows, labels = predicted.patients, predicted.labels
    rare = [name for name in others if rows.n_patients_where(labels == name) < FEWEST_OF_A_DIAGNOSIS]
    return np.where(np.isin(labels, rare), RARE_LABELS, labels.astype(object))


def _warnings(champion: LabelledPredictions, challenger: LabelledPredictions, verdicts: list[Verdict]) -> Iterator[str]:
    """Yield what makes the verdict doubtful."""
    for name, predicted in ((CHAMPION, champion), (CHALLENGER, challenger)):
        shift = detect_shift(predicted.model, shift_statistics(predicted.model, predicted.encoded, predicted.patients))
        if shifted := shift_warning(shift, predicted.patients.n_patients):
            yield f"{name}: {shifted}"
    if champion.model.confidence != challenger.model.confidence:
        yield (
            f"the prediction sets have different nominal coverage, {champion.model.confidence:g} of the champion and "
            f"{challenger.model.confidence:g} of the challenger, so that their coverage and the calls differ"
        )
    for verdict in verdicts:
        if verdict.not_judged:
            yield (
                f"{verdict.criterion.text} is not judged in {', '.join(verdict.not_judged)}: fewer than "
                f"{FEWEST_OF_EACH_CLASS} patients of a class"
            )
