"""Training excludes unusable rows and reports held-out metrics."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.cohort.presets import preset_named
from asthma_ml.errors import UnusableInputError
from asthma_ml.model_files import metric_lines
from asthma_ml.model_files.archive import read_card
from asthma_ml.model_files.files import load_model, save_model
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.patients import ColumnMap, PatientTable, read_patients
from asthma_ml.prediction import predict_table
from asthma_ml.training import LABEL_RULES, TrainedClassifier, labelled_patients, train_classifier
from asthma_ml.training.train import load_starting_model, sample_weights
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


@pytest.fixture(scope="module")
def observed() -> pd.DataFrame:
    """A small clinic with all four classes."""
    return generate_cohort(n_patients=300, seed=11).observed


def test_every_row_is_used_or_counted_as_excluded(observed: pd.DataFrame) -> None:
    faulty = observed.copy()
    faulty.loc[0, "feno_ppb"] = 5000.0
    faulty.loc[1:3, "phenotype"] = None
    labelled = labelled_patients(read_patients(faulty), classes=TWO_CLASSES)
    assert labelled.excluded["values outside hard limits"] == 1
    assert labelled.excluded["no label"] == 3
    assert len(labelled.labels) + sum(labelled.excluded.values()) == len(faulty)
    assert set(labelled.labels) == set(TWO_CLASSES)


def test_features_exclude_identifier_site_and_label(observed: pd.DataFrame) -> None:
    features = labelled_patients(read_patients(observed)).features
    assert not {"patient_id", "site", "phenotype"} & set(features.columns)
    assert "feno_ppb" in features.columns


def test_label_column_is_not_a_feature(observed: pd.DataFrame) -> None:
    labelled = labelled_patients(read_patients(observed), label="smoking_status", classes=("never", "former"))
    assert set(labelled.labels) == {"never", "former"}
    assert "smoking_status" not in labelled.features.columns


def test_feature_read_from_the_label_column_is_excluded(observed: pd.DataFrame) -> None:
    is_high = {label: float(label == "th2_high") for label in FOUR_CLASSES}
    columns = {"phenotype": {"from": "Diagnosis"}, "nasal_polyps": {"from": "Diagnosis", "levels": is_high}}
    own = observed.rename(columns={"phenotype": "Diagnosis"})
    patients = read_patients(own, ColumnMap.from_mapping({"columns": columns}))
    assert "nasal_polyps" in patients.values
    assert "nasal_polyps" not in labelled_patients(patients).features


def test_label_column_may_have_any_name(observed: pd.DataFrame) -> None:
    own = observed.rename(columns={"phenotype": "endotype_2024"})
    labelled = labelled_patients(read_patients(own), label="endotype_2024")
    pd.testing.assert_series_equal(
        labelled.labels, labelled_patients(read_patients(observed)).labels, check_names=False, check_dtype=False
    )


def test_auxiliary_classifier_gets_groups_and_weights(monkeypatch) -> None:
    """Each patient has four rows; rows of weight 0 are excluded."""
    visits = generate_cohort(n_patients=80, seed=12).observed.loc[lambda table: table.index.repeat(4)]
    visits = visits.assign(weight=np.where(np.arange(len(visits)) % 4, 2.0, 0.0))
    given: dict[str, np.ndarray] = {}
    monkeypatch.setattr(PhenotypeClassifier, "fit_auxiliary", lambda model, **rows: given.update(rows))
    trained = train_classifier(read_patients(visits.reset_index(drop=True)), weights="weight")
    assert trained.patients.excluded["weight 0"] == len(trained.patients.labels) / 3
    assert len(given["y"]) == len(given["sample_weight"]) == len(given["groups"]) > len(trained.patients.labels)
    assert len(np.unique(given["groups"])) == len(np.unique(given["patients"])) <= 80
    assert given["sample_weight"].sum() == pytest.approx(len(np.unique(given["patients"])))


def test_four_classes_use_all_rows(observed: pd.DataFrame) -> None:
    labelled = labelled_patients(read_patients(observed), classes=FOUR_CLASSES)
    assert len(labelled.labels) == len(observed)
    assert not labelled.excluded


def test_metrics_are_held_out(observed: pd.DataFrame) -> None:
    shuffled = observed.copy()
    shuffled["phenotype"] = shuffled["phenotype"].sample(frac=1, random_state=0).to_numpy()
    assert train_classifier(read_patients(observed)).metrics["auc"]["lower"] > 0.7
    assert train_classifier(read_patients(shuffled)).metrics["auc"]["value"] < 0.65


def test_card_describes_the_training_data(observed: pd.DataFrame) -> None:
    patients = read_patients(observed)
    card = train_classifier(patients).card
    assert card["label"] == "phenotype"
    assert card["excluded"] == labelled_patients(patients).excluded
    assert len(card["training_data_sha256"]) == 64


@pytest.mark.parametrize("column", ["true_phenotype", "aml_p_th2_high"])
def test_table_with_truth_or_predictions_is_refused(observed: pd.DataFrame, column: str) -> None:
    with pytest.raises(UnusableInputError, match=column):
        train_classifier(read_patients(observed.assign(**{column: "th2_high"})))


def test_single_class_is_refused(observed: pd.DataFrame) -> None:
    one: PatientTable = read_patients(observed[observed["phenotype"] == "th2_high"])
    with pytest.raises(UnusableInputError, match="two classes"):
        train_classifier(one)


def test_empty_columns_are_accepted(observed: pd.DataFrame) -> None:
    blank = observed.assign(sputum_eosinophils_pct=None, ct_mucus_score=None)
    trained = train_classifier(read_patients(blank))
    table = predict_table(trained.model, observed.drop(columns="phenotype"), explain="features")
    assert (table["aml_shap_sputum_eosinophils_pct"] == 0).all()
    assert trained.metrics["auc"]["value"] > 0.75


@pytest.mark.parametrize("n_patients", [60, 100, 150])
def test_small_tables_with_rare_measurements_are_accepted(n_patients: int) -> None:
    cohort = generate_cohort(n_patients=600, seed=5).observed
    two = cohort[cohort["phenotype"].isin(TWO_CLASSES)].head(n_patients).copy()
    two.loc[two.index[3:], "serum_periostin_ng_ml"] = None
    assert len(train_classifier(read_patients(two.reset_index(drop=True))).patients.labels) == n_patients


@pytest.mark.parametrize("columns", [["patient_id", "phenotype"], ["patient_id", "site", "phenotype"]])
def test_table_without_measured_features_is_refused(observed: pd.DataFrame, columns: list[str]) -> None:
    with pytest.raises(UnusableInputError, match="no column is one of the"):
        train_classifier(read_patients(observed[columns]))
    with pytest.raises(UnusableInputError, match=r"all 300 rows are invalid, .*no data"):
        train_classifier(read_patients(observed[columns].assign(feno_ppb=None)))


def test_rows_of_one_patient_stay_in_one_fold() -> None:
    """Labels are random: copies in other folds would make them look predictable."""
    once = generate_cohort(n_patients=250, seed=12).observed
    once["phenotype"] = np.random.default_rng(0).choice(TWO_CLASSES, len(once))
    exact = pd.concat([once] * 4, ignore_index=True)
    exact["patient_id"] = [f"{i}" for i in range(len(exact))]
    visits = pd.concat([once] * 4, ignore_index=True)
    visits["age_years"] = visits["age_years"].clip(20, 80) + np.repeat([0, 1, 2, 3], len(once))
    for repeated in (exact, visits):
        assert train_classifier(read_patients(repeated)).metrics["auc"]["value"] < 0.6


def test_identical_rows_of_one_coarse_column_are_different_patients(observed: pd.DataFrame) -> None:
    few_columns = observed[["site", "feno_ppb", "phenotype"]].assign(feno_ppb=lambda table: table["feno_ppb"].round(-1))
    assert train_classifier(read_patients(few_columns), groups="site").metrics["folds"] > 2


def test_groups_stay_in_one_fold() -> None:
    """Each site has a random label and its own PM2.5: only patients of a training site are predictable."""
    observed = generate_cohort(n_patients=300, seed=13).observed
    sites = np.arange(300) % 20
    observed["site"] = [f"site {site}" for site in sites]
    observed["pm25_ug_m3"] = 5.0 + sites
    observed["phenotype"] = np.random.default_rng(1).choice(TWO_CLASSES, 20)[sites]
    patients = read_patients(observed)
    assert train_classifier(patients).metrics["auc"]["value"] > 0.9
    apart = train_classifier(patients, groups="site")
    assert apart.metrics["auc"]["value"] < 0.75
    assert apart.card["groups"] == "site"


def test_nine_copies_are_counted_and_evaluated_as_the_patients_once(few: pd.DataFrame) -> None:
    nine = few.loc[np.repeat(few.index, 9)].reset_index(drop=True)
    once, copied = (train_classifier(read_patients(table)) for table in (few, nine))
    assert copied.patients.class_counts == once.patients.class_counts
    assert copied.metrics["n_held_out"] == len(few)
    assert copied.metrics["n_held_out_rows"] == len(nine)
    widths = [each.metrics["auc"]["upper"] - each.metrics["auc"]["lower"] for each in (once, copied)]
    assert widths[1] == pytest.approx(widths[0], rel=0.35)


@pytest.mark.usefixtures("two_folds")
def test_later_patients_of_other_sites_are_held_out(few: pd.DataFrame) -> None:
    trained = train_classifier(read_patients(few), time="year", groups="site")
    assert (trained.card["time"], trained.card["groups"]) == ("year", "site")
    assert trained.metrics["folds"] > 2
    assert 0 < trained.metrics["n_held_out"] < len(few)
    (validation, *_) = (text for _, text in metric_lines(trained.card))
    assert validation.startswith("temporal validation by year grouped by site")


def test_groups_that_cannot_be_held_out_are_refused(observed: pd.DataFrame) -> None:
    one_site = read_patients(observed.assign(site="A"))
    with pytest.raises(UnusableInputError, match="groups cannot be held out"):
        train_classifier(one_site, groups="site")
    with pytest.raises(UnusableInputError, match="no column ward"):
        train_classifier(one_site, groups="ward")


def test_card_has_the_calls_for_unmodelled_labels(observed: pd.DataFrame) -> None:
    trained = train_classifier(read_patients(observed))
    others = observed["phenotype"].value_counts().drop(list(TWO_CLASSES)).to_dict()
    assert {name: found["n"] for name, found in trained.card["unmodelled_labels"].items()} == others
    table = predict_table(trained.model, observed[observed["phenotype"] == "mixed_granulocytic"])
    for name, share in trained.card["unmodelled_labels"]["mixed_granulocytic"]["called"].items():
        assert share == pytest.approx((table["aml_phenotype"] == name).mean())
    assert train_classifier(read_patients(observed), classes=FOUR_CLASSES).card["unmodelled_labels"] == {}


def test_unmodelled_classes_are_learned_from_the_file(observed: pd.DataFrame) -> None:
    """Patients who probably have an unmodelled class get no call."""
    trained = train_classifier(read_patients(observed))
    assert set(trained.card["unmodelled_classes"]) == set(FOUR_CLASSES) - set(TWO_CLASSES)
    fresh = generate_cohort(n_patients=600, seed=14).observed
    table = predict_table(trained.model, fresh, explain="none")
    called, named = table["aml_status"] == "ok", fresh["phenotype"].isin(TWO_CLASSES)
    only_two = train_classifier(read_patients(observed[observed["phenotype"].isin(TWO_CLASSES)]))
    assert only_two.card["unmodelled_classes"] == []
    called_before = predict_table(only_two.model, fresh, explain="none")["aml_status"] == "ok"
    assert called[~named].mean() < 0.75 * called_before[~named].mean()
    assert called[named].mean() > called[~named].mean()
    assert table["aml_reasons"].str.contains("unmodelled diagnosis (mixed or pau", regex=False).any()


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    """Sixty patients of the two classes with survey weights and the year of their visit."""
    observed = generate_cohort(n_patients=200, seed=31).observed
    two = observed[observed["phenotype"].isin(TWO_CLASSES)].head(60).reset_index(drop=True)
    weight = np.where(two["phenotype"] == "th2_high", 10_000.0, 30_000.0)
    return two.assign(survey_weight=weight, year=2010 + np.arange(60) // 6)


@pytest.fixture(scope="module")
def started(few: pd.DataFrame) -> TrainedClassifier:
    """Model of fifty patients with the shipped model as starting model."""
    return train_classifier(read_patients(few.head(50)), start_from="shipped")


class TestFewPatients:
    def test_starting_model_improves_the_log_loss_of_fifty_patients(
        self, started: TrainedClassifier, few: pd.DataFrame
    ) -> None:
        alone = train_classifier(read_patients(few.head(50)))
        assert started.metrics["log_loss"]["value"] < alone.metrics["log_loss"]["value"] - 0.05
        assert started.card["start_from"]["log_loss_without"] == alone.metrics["log_loss"]
        assert "start_from" not in alone.card

    def test_card_describes_the_starting_model_and_the_file_does_not_contain_it(
        self, started: TrainedClassifier, tmp_path: Path
    ) -> None:
        origin = started.card["start_from"]
        assert origin["model"] == "th2_vs_neutrophilic.aml"
        assert origin["sha256"] == hashlib.sha256(shipped_model_path().read_bytes()).hexdigest()
        assert origin["penalty"] == started.model.start_penalty_
        assert started.model.start_from is None
        save_model(started.model, tmp_path / "ours.aml", card=started.card)
        assert read_card(tmp_path / "ours.aml")["start_from"] == origin

    def test_four_classes_start_from_the_auxiliary_classifier_of_the_shipped_model(self) -> None:
        four = labelled_patients(read_patients(generate_cohort(n_patients=50, seed=32).observed), classes=FOUR_CLASSES)
        model, origin = load_starting_model("shipped", four)
        assert set(model.classes_) == set(FOUR_CLASSES)
        assert origin["n_patients"] == 200_000

    def test_starting_model_of_other_classes_is_refused(self, few: pd.DataFrame) -> None:
        with pytest.raises(UnusableInputError, match="start_from: its classes are neutrophilic_th2_low, th2_high"):
            train_classifier(read_patients(few), "sex", ("female", "male"), start_from="shipped")


@pytest.fixture
def two_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folds instead of five, to save time."""
    monkeypatch.setattr("asthma_ml.training.splits.N_FOLDS", 2)
    monkeypatch.setattr("asthma_ml.training.tuning.N_INNER_FOLDS", 2)


@pytest.mark.usefixtures("two_folds")
def test_survey_weights_change_the_class_balance(few: pd.DataFrame) -> None:
    weighted = train_classifier(read_patients(few), weights="survey_weight")
    X, y = weighted.patients.features, weighted.patients.labels
    predicted = weighted.model.predict_proba(X)[:, 1].mean()
    assert predicted < (y == "th2_high").mean() - 0.1
    assert predicted == pytest.approx(np.average(y == "th2_high", weights=few["survey_weight"]), abs=0.1)
    assert weighted.card["weights"] == "survey_weight"


def test_weights_are_scaled_and_missing_weights_are_refused(few: pd.DataFrame) -> None:
    patients = read_patients(few)
    weights = sample_weights(patients, labelled_patients(patients), "survey_weight")
    assert weights.mean() == pytest.approx(1.0)
    assert weights.max() / weights.min() == pytest.approx(3.0)
    unknown = read_patients(few.assign(survey_weight=few["survey_weight"].mask(few.index == 3)))
    with pytest.raises(UnusableInputError, match=r"is not a weight of 0 or more in 1 labelled rows \(lines 5\)"):
        sample_weights(unknown, labelled_patients(unknown), "survey_weight")
    nothing = read_patients(few.assign(survey_weight=0))
    with pytest.raises(UnusableInputError, match="survey_weight is 0 in all labelled rows"):
        sample_weights(nothing, labelled_patients(nothing), "survey_weight")


@pytest.mark.usefixtures("two_folds")
def test_balanced_classes_with_temporal_validation(few: pd.DataFrame) -> None:
    trained = train_classifier(read_patients(few), class_weight="balanced", time="year")
    assert trained.card["time"] == "year"
    assert 0 < trained.metrics["n_held_out"] < len(few)
    X, y = trained.patients.features, trained.patients.labels
    assert trained.model.predict_proba(X)[:, 1].mean() < (y == "th2_high").mean() - 0.03


@pytest.mark.usefixtures("two_folds")
def test_sputum_counts_of_the_label_are_not_features() -> None:
    cohort = generate_cohort(n_patients=120, seed=33, preset=preset_named("sputum_study"))
    trained = train_classifier(read_patients(cohort.observed.drop(columns="phenotype")), LABEL_RULES["sputum_3_61"])
    assert not {"sputum_eosinophils_pct", "sputum_neutrophils_pct"} & set(trained.model.feature_names_in_)
    assert trained.card["label_rule"]["source"] == "HET002, IMM053"
    assert 0.6 < trained.metrics["auc"]["value"] < 0.99


@pytest.mark.usefixtures("two_folds")
def test_card_has_the_searched_settings_and_the_model_can_be_saved(
    few: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("asthma_ml.training.tuning.SPACE", {"n_trees": [2], "linear_penalty": [1e6, 1e7]})
    trained = train_classifier(read_patients(few), budget=2, groups="site", weights="survey_weight")
    tuned = trained.card["tuned"]
    assert [set(setting) for setting in tuned["settings"]] == [{"log_loss"}, {"log_loss", "n_trees", "linear_penalty"}]
    best = min(tuned["settings"], key=lambda setting: setting["log_loss"])
    assert {name: value for name, value in best.items() if name != "log_loss"} == tuned["chosen"]
    assert trained.model.get_params().items() >= tuned["chosen"].items()
    save_model(trained.model, tmp_path / "tuned.aml")
    assert load_model(tmp_path / "tuned.aml").predict_proba(trained.patients.features).shape == (60, 2)
    with pytest.raises(UnusableInputError, match="at least 15 patients each"):
        train_classifier(read_patients(few.head(20)), budget=2)


@pytest.mark.parametrize("how", [{"start_from": "shipped"}, {"time": "year"}])
def test_the_number_of_jobs_does_not_change_the_model_file(
    how: dict[str, str], few: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asthma_ml.classifier.fold_fits._WORK_FOR_PROCESSES", 0)
    files = []
    for jobs in (1, 2):
        trained = train_classifier(read_patients(few), jobs=jobs, **how)
        files.append(tmp_path / f"{jobs}.aml")
        save_model(trained.model, files[-1], card=trained.card)
    assert files[0].read_bytes() == files[1].read_bytes()
