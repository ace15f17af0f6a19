"""Labels from columns and rules, and the features that are excluded with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.evidence import evidence_table
from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.training import LABEL_RULES, at_least, labelled_patients
from asthma_ml.training.labels import DEPENDENT_COLUMNS, default_classes
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES, data_dictionary

SPUTUM = pd.DataFrame(
    {
        "patient_id": [
            "eosinophilic",
            "neutrophilic",
            "both",
            "neither",
            "on the thresholds",
            "no neutrophils counted",
        ],
        "sputum_eosinophils_pct": [12.0, 0.5, 8.0, 0.5, 3.0, 12.0],
        "sputum_neutrophils_pct": [30.0, 80.0, 85.0, 40.0, 61.0, None],
        "feno_ppb": [60.0, 12.0, 40.0, 20.0, 25.0, 70.0],
    }
)


def test_six_sputum_samples_by_the_thresholds_of_3_and_61_percent() -> None:
    labels = LABEL_RULES["sputum_3_61"].classify(SPUTUM)
    th2, neutrophilic, mixed, pauci = FOUR_CLASSES
    assert labels.tolist()[:5] == [th2, neutrophilic, mixed, pauci, mixed]
    assert labels.isna().tolist() == [False] * 5 + [True]
    assert LABEL_RULES["sputum_3_76"].classify(SPUTUM).tolist()[4] == th2


@pytest.mark.parametrize("rule", LABEL_RULES.values(), ids=list(LABEL_RULES))
def test_every_rule_names_rows_of_the_evidence_table(rule) -> None:
    assert set(rule.source.split(", ")) <= set(evidence_table().index)
    assert rule.classes == FOUR_CLASSES


def test_counts_of_the_label_are_not_features() -> None:
    labelled = labelled_patients(read_patients(SPUTUM), LABEL_RULES["sputum_3_61"], FOUR_CLASSES)
    assert list(labelled.features) == ["feno_ppb"]
    assert labelled.excluded == {"no label": 1}
    assert labelled.label_card["label"] == "sputum_3_61"


def test_threshold_names_its_classes_and_excludes_its_column() -> None:
    rule = at_least("feno_ppb", 25)
    labelled = labelled_patients(read_patients(SPUTUM), rule, default_classes(rule, None))
    assert labelled.labels.tolist() == [rule.classes[i] for i in (1, 0, 1, 0, 1, 1)]
    assert "feno_ppb" not in labelled.features


@pytest.mark.parametrize(
    ("column", "threshold", "excluded"),
    [
        ("blood_eosinophils_cells_ul", 300, ["blood_eosinophils_max_cells_ul"]),
        ("feno_ppb", 25, ["feno_suppression_pct"]),
        ("bronchodilator_reversibility_pct", 12, ["fev1_pct_predicted", "fev1_post_bd_pct_predicted"]),
        ("fev1_fvc_post_bd_ratio", 0.7, ["fev1_fvc_ratio"]),
        ("pack_years", 1, ["smoking_status"]),
    ],
)
def test_columns_that_determine_the_label_are_excluded(column, threshold, excluded) -> None:
    """The highest count on record reaches 300 whenever the current one does."""
    visit = pd.DataFrame(
        {
            "blood_eosinophils_cells_ul": [350, 120],
            "blood_eosinophils_max_cells_ul": [400, 280],
            "feno_ppb": [60, 12],
            "fev1_pct_predicted": [60, 80],
            "fev1_post_bd_pct_predicted": [72, 82],
            "fev1_fvc_ratio": [0.6, 0.75],
            "fev1_fvc_post_bd_ratio": [0.71, 0.69],
            "bronchodilator_reversibility_pct": [20.0, 2.5],
            "smoking_status": ["former", "never"],
            "pack_years": [8, 0],
            "feno_suppression_pct": [40, None],
        }
    )
    rule = at_least(column, threshold)
    labelled = labelled_patients(read_patients(visit), rule, rule.classes)
    assert set(visit) - set(labelled.features) == {column, *excluded}
    assert labelled.label_card["excluded_features"] == excluded


def test_independent_label_excludes_no_column() -> None:
    labelled = labelled_patients(read_patients(SPUTUM.assign(phenotype="th2_high", feno_suppression_pct=30)))
    assert {"feno_ppb", "feno_suppression_pct"} <= set(labelled.features)
    assert "excluded_features" not in labelled.label_card


def test_dependent_columns_are_features_of_one_group() -> None:
    named = [name for group in DEPENDENT_COLUMNS for name in group]
    assert set(named) <= set(data_dictionary().features)
    assert len(named) == len(set(named))


def test_column_read_as_two_features_is_excluded_under_both_names() -> None:
    own = SPUTUM.rename(columns={"feno_ppb": "NO"})
    columns = {"feno_ppb": {"from": "NO"}, "total_ige_ku_l": {"from": "NO"}}
    patients = read_patients(own, ColumnMap.from_mapping({"columns": columns}))
    rule = at_least("feno_ppb", 25)
    assert not {"feno_ppb", "total_ige_ku_l"} & set(labelled_patients(patients, rule, rule.classes).features)


def test_levels_map_own_values_to_classes() -> None:
    own = SPUTUM.assign(endotype=["T2", "nonT2", "T2", "nonT2", "?", None])
    levels = {"T2": "th2_high", "nonT2": "neutrophilic_th2_low"}
    labelled = labelled_patients(read_patients(own), "endotype", levels=levels)
    assert labelled.labels.tolist() == [*TWO_CLASSES, *TWO_CLASSES]
    assert labelled.excluded == {"no label": 1, "another label": 1}
    assert labelled.label_card["levels"] == levels
    renamed = {"T2": "type 2", "nonT2": "other", "?": "other"}
    classes = default_classes("endotype", renamed)
    assert set(labelled_patients(read_patients(own), "endotype", classes, levels=renamed).labels) == set(classes)


def test_unmapped_value_with_the_name_of_a_class_is_another_label() -> None:
    """B is a value of the column and also the class of value C."""
    own = read_patients(SPUTUM.assign(grp=["A", "C", "B", "A", "th2_high", None]))
    levels = {"A": "th2_high", "C": "B"}
    labelled = labelled_patients(own, "grp", default_classes("grp", levels), levels=levels)
    assert labelled.labels.tolist() == ["th2_high", "B", "th2_high"]
    assert labelled.excluded == {"no label": 1, "another label": 2}
    assert labelled.unmodelled_labels.tolist() == ["B (not in levels)", "th2_high (not in levels)"]
    swapped = {"A": "C", "C": "A"}
    assert labelled_patients(own, "grp", ["A", "C"], levels=swapped).labels.tolist() == ["C", "A", "C"]
    unnamed = labelled_patients(own, "grp", ["th2_high", "B"], levels={"A": "th2_high"})
    assert unnamed.class_counts == {"th2_high": 2}


def test_columns_can_be_excluded_from_the_features() -> None:
    patients = read_patients(SPUTUM.assign(phenotype="th2_high"))
    labelled = labelled_patients(patients, without=["sputum_neutrophils_pct"])
    assert "sputum_neutrophils_pct" not in labelled.features
    assert labelled.label_card["without"] == ["sputum_neutrophils_pct"]


@pytest.mark.parametrize(
    ("label", "more", "message"),
    [
        (LABEL_RULES["sputum_3_61"], {"without": ["site"]}, "site is not a feature of the data dictionary"),
        (
            "feno_ppb",
            {"levels": {"T2": "th2_high"}},
            r"column feno_ppb does not contain T2; values found: \d+ values of fewer",
        ),
        (at_least("total_ige_ku_l", 100), {}, "total_ige_ku_l >= 100 kU/L needs the missing column total_ige_ku_l"),
        (at_least("feno_ppb", 399), {}, "no valid row has"),
    ],
)
def test_unusable_labels_are_refused(label, more, message) -> None:
    with pytest.raises(UnusableInputError, match=message):
        labelled_patients(read_patients(SPUTUM), label, ["th2_high", "feno_ppb_at_least_399"], **more)
    with pytest.raises(UnusableInputError, match=r"needs a numeric variable .* not sex"):
        at_least("sex", 1)


def test_labels_do_not_depend_on_the_order_of_the_rows() -> None:
    order = np.random.default_rng(0).permutation(len(SPUTUM))
    rule = LABEL_RULES["sputum_2_40"]
    assert rule.classify(SPUTUM.iloc[order]).sort_index().equals(rule.classify(SPUTUM))
