"""Model files: loaded models equal saved ones, equal models give equal bytes, and no foreign code is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from copy import deepcopy
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import ModelFileError, UnusableInputError
from asthma_ml.explanation import explain
from asthma_ml.model_files import archive, estimator
from asthma_ml.model_files.archive import check_card, pack_archive, read_archive, read_card, unzip_members
from asthma_ml.model_files.compiled import COMPILED
from asthma_ml.model_files.files import load_model, save_model, save_model_with_card
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture
def saved(tmp_path) -> Path:
    save_model(fitted_classifier(), tmp_path / "model.aml", card={"seed": 1})
    return tmp_path / "model.aml"


def rewrite(path: Path, content=None, signed=True, **card_changes) -> Path:
    """Change the members of a model file, as somebody who knows the format could."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    card = json.loads(members["card.json"]) | card_changes
    if content is not None:
        members["estimator.skops"] = content
        card["estimator_sha256"] = sha256(content).hexdigest() if signed else card["estimator_sha256"]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("card.json", json.dumps(card))
        file.writestr("estimator.skops", members["estimator.skops"])
    return path


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


class TestRoundTrip:
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_a_loaded_model_predicts_and_explains_like_the_saved_one(self, tmp_path, n_classes):
        model, (X, _) = fitted_classifier(n_classes), synthetic_patients(n_classes=n_classes)
        save_model(model, tmp_path / "model.aml")
        loaded = load_model(tmp_path / "model.aml")
        for predict in (PhenotypeClassifier.predict_proba, PhenotypeClassifier.predict_set):
            np.testing.assert_array_equal(predict(loaded, X), predict(model, X), strict=True)
        np.testing.assert_array_equal(loaded.predict_interval(X), model.predict_interval(X))
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        np.testing.assert_array_equal(explain(loaded, X).features, explain(model, X).features)
        assert loaded.get_params() == model.get_params()

    def test_the_auxiliary_classifier_is_saved(self, tmp_path):
        X, y = synthetic_patients(200, n_classes=4)
        two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])
        model = PhenotypeClassifier(n_trees=2).fit(X[two], y[two]).fit_auxiliary(X, y)
        save_model(model, tmp_path / "model.aml")
        np.testing.assert_array_equal(
            load_model(tmp_path / "model.aml").predict_unmodelled(X), model.predict_unmodelled(X)
        )

    @pytest.mark.parametrize("random_state", [None, 7, np.random.RandomState(3)], ids=["none", "int", "RandomState"])
    def test_models_with_other_settings_can_be_saved(self, tmp_path, random_state):
        X, y = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc")), np.arange(60) % 3
        model = PhenotypeClassifier(
            n_trees=np.int64(2), min_samples_leaf=5, max_depth=None, directions=None, random_state=random_state
        ).fit(X, y)
        save_model(model, tmp_path / "model.aml")
        np.testing.assert_array_equal(load_model(tmp_path / "model.aml").predict_proba(X), model.predict_proba(X))

    def test_the_same_patients_give_the_same_bytes(self, tmp_path):
        X, y = synthetic_patients(200)
        shuffled = np.random.default_rng(0).permutation(200)
        model = PhenotypeClassifier(n_trees=5)
        files = [tmp_path / name for name in ("one.aml", "shuffled.aml", "loaded.aml")]
        save_model(sklearn.clone(model).fit(X, y), files[0])
        save_model(sklearn.clone(model).fit(X.iloc[shuffled], y[shuffled]), files[1])
        save_model(load_model(files[0]), files[2])
        assert len({file.read_bytes() for file in files}) == 1

    def test_the_file_contains_no_patient(self, saved):
        X, _ = synthetic_patients()
        rows = np.array(read_card(saved)["self_test"]["rows"], dtype=float)
        encoded = fitted_classifier().encode(X).to_numpy()
        assert not any(np.array_equal(row, patient, equal_nan=True) for row in rows for patient in encoded)

    def test_a_failed_write_leaves_no_file(self, tmp_path):
        with pytest.raises(UnusableInputError, match="there is no folder"):
            save_model(fitted_classifier(), tmp_path / "nowhere" / "model.aml")
        assert list(tmp_path.iterdir()) == []

    def test_a_model_without_column_names_is_refused(self, tmp_path):
        X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
        with pytest.raises(UnusableInputError, match=r"fitted without column names.*fit it on a DataFrame"):
            save_model(PhenotypeClassifier(n_trees=2).fit(X, y), tmp_path / "model.aml")
        assert list(tmp_path.iterdir()) == []


class TestCard:
    def test_the_card_describes_the_model(self, saved):
        card = read_card(saved)
        assert card["classes"] == ["neutrophilic_th2_low", "th2_high"]
        assert card["versions"]["scikit-learn"] == sklearn.__version__
        assert card["training"]["n_patients"] == 400
        assert sum(card["training"]["class_counts"].values()) == 400
        assert card["parameters"]["n_trees"] == 40
        assert card["seed"] == 1
        assert "not a medical device" in card["intended_use"]
        assert "not the disease" in card["intended_use"]
        assert {"feno_ppb", "biologic"} <= {variable["name"] for variable in card["data_dictionary"]}

    def test_the_card_is_written_beside_the_model(self, tmp_path):
        written = save_model_with_card(fitted_classifier(), tmp_path / "model.aml", card={"seed": 1})
        assert written.name == "model.card.json"
        assert json.loads(written.read_text(encoding="utf-8")) == read_card(tmp_path / "model.aml")

    def test_no_model_is_left_when_its_card_cannot_be_written(self, tmp_path):
        (tmp_path / "model.card.json").mkdir()
        with pytest.raises(UnusableInputError, match="folder"):
            save_model_with_card(fitted_classifier(), tmp_path / "model.aml")
        assert [path.name for path in tmp_path.iterdir()] == ["model.card.json"]

    @pytest.mark.parametrize("before", [None, "the card of another model"])
    def test_no_card_is_left_when_its_model_cannot_be_written(self, tmp_path, before):
        (tmp_path / "model.aml").mkdir()
        if before is not None:
            (tmp_path / "model.card.json").write_text(before, encoding="utf-8")
        with pytest.raises(UnusableInputError, match="folder"):
            save_model_with_card(fitted_classifier(), tmp_path / "model.aml")
        left = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.is_file()}
        assert left == ({} if before is None else {"model.card.json": before})

    @pytest.mark.parametrize(
        ("card", "message"),
        [
            ({"classes": ["a"], "versions": {}}, "the program writes classes, versions itself"),
            ({"auc": float("nan")}, "not valid JSON"),
            ({"model": object()}, "not valid JSON"),
        ],
    )
    def test_invalid_card_entries_are_refused(self, tmp_path, card, message):
        with pytest.raises(UnusableInputError, match=message):
            save_model(fitted_classifier(), tmp_path / "model.aml", card=card)
        assert list(tmp_path.iterdir()) == []

    def test_the_intended_use_can_be_replaced(self, tmp_path):
        save_model(fitted_classifier(), tmp_path / "model.aml", card={"intended_use": "Teaching."})
        assert read_card(tmp_path / "model.aml")["intended_use"] == "Teaching."


class TestCompiled:
    def test_a_file_without_compiled_classifier_gives_the_estimator(self, saved):
        expected = load_model(saved).predict_proba(synthetic_patients()[0])
        rewrite(saved)  # keeps card and estimator only
        for loaded in (load_model(saved), load_model(saved, compiled=True)):
            assert isinstance(loaded, PhenotypeClassifier)
            np.testing.assert_array_equal(loaded.predict_proba(synthetic_patients()[0]), expected)

    def test_trees_deeper_than_three_levels_are_not_compiled(self, tmp_path):
        X, y = synthetic_patients(200)
        save_model(PhenotypeClassifier(n_trees=3, max_depth=None).fit(X, y), tmp_path / "model.aml")
        assert isinstance(load_model(tmp_path / "model.aml", compiled=True), PhenotypeClassifier)

    def test_the_compiled_classifier_does_not_depend_on_the_version_of_scikit_learn(self, saved, monkeypatch):
        monkeypatch.setattr(estimator, "version", lambda package: "0.1")
        with pytest.raises(ModelFileError, match="written with scikit-learn"):
            load_model(saved)
        X, _ = synthetic_patients(20)
        np.testing.assert_array_equal(
            load_model(saved, compiled=True).predict_proba(X), fitted_classifier().predict_proba(X)
        )

    @pytest.mark.parametrize(
        ("name", "spoil"),
        [
            ("linear_/scores/source", lambda array: array + 50),
            ("branches/decision", lambda array: array - 1),
            ("branches/margin", lambda array: array + 1),
            ("branches/decisions/feature", lambda array: array * 1000),
            ("linear_/scores/starts", lambda array: array[::-1]),
            ("linear_/joint/mean", lambda array: array[1:]),
            ("linear_/scores/source", lambda array: array.astype(float)),
            ("branches/right_share", lambda array: array[1:]),
            ("subgroup_offsets_/1", lambda array: array[:, :2]),
            ("calibration_intercept_", lambda array: array.repeat(2)),
            ("conformal_thresholds", lambda array: array[:1]),
            ("branches/leaf", lambda array: array.astype(">f8")),
            ("linear_/scores/starts", lambda array: array.astype(">i8")),
            ("branches/decision", lambda array: array.astype(np.int32)),
            ("branches/leaf", np.asfortranarray),
            ("linear_/coefficients", lambda array: array.astype(str)),
            ("venn_abers_grids_/0", lambda array: array[0]),
        ],
    )
    def test_inconsistent_arrays_are_refused(self, saved, name, spoil):
        card, members = read_archive(saved)
        arrays = {key: np.load(io.BytesIO(data)) for key, data in unzip_members(members[COMPILED]).items()}
        arrays[f"{name}.npy"] = spoil(arrays[f"{name}.npy"])
        buffer = io.BytesIO()
        np.savez(buffer, **{key.removesuffix(".npy"): array for key, array in arrays.items()})
        members[COMPILED] = buffer.getvalue()
        card["compiled_sha256"] = sha256(members[COMPILED]).hexdigest()
        saved.write_bytes(pack_archive(card, members))
        with pytest.raises(ModelFileError, match=r"damaged, the compiled model cannot be read .*are inconsistent"):
            load_model(saved, compiled=True)

    @pytest.mark.parametrize("name", ["classes_", "feature_names_in_"])
    def test_exchanged_names_of_classes_and_features_are_refused(self, saved, name):
        """The self-test, which compares numbers, would pass."""
        card, members = read_archive(saved)
        arrays, buffer = unzip_members(members[COMPILED]), io.BytesIO()
        np.save(buffer, np.load(io.BytesIO(arrays[f"{name}.npy"]))[::-1])
        members[COMPILED] = archive.zip_members(arrays | {f"{name}.npy": buffer.getvalue()})
        card["compiled_sha256"] = sha256(members[COMPILED]).hexdigest()
        saved.write_bytes(pack_archive(card, members))
        with pytest.raises(ModelFileError, match="the card names other classes or features than the model"):
            load_model(saved, compiled=True)

    def test_pickled_arrays_are_refused(self, saved):
        card, members = read_archive(saved)
        buffer = io.BytesIO()
        np.savez(buffer, classes_=np.array([print], dtype=object))
        members[COMPILED] = buffer.getvalue()
        card["compiled_sha256"] = sha256(members[COMPILED]).hexdigest()
        saved.write_bytes(pack_archive(card, members))
        with pytest.raises(ModelFileError, match="damaged, the compiled model cannot be read"):
            load_model(saved, compiled=True)

    def test_a_flipped_bit_is_refused_or_harmless(self, saved):
        whole, rng = saved.read_bytes(), np.random.default_rng(1)
        expected = load_model(saved, compiled=True).predict_proba(synthetic_patients()[0])
        for place in rng.integers(0, len(whole), 40):
            spoiled = bytearray(whole)
            spoiled[place] ^= 1 << rng.integers(0, 8)
            saved.write_bytes(spoiled)
            try:
                found = load_model(saved, compiled=True).predict_proba(synthetic_patients()[0])
            except ModelFileError:
                continue
            np.testing.assert_array_equal(found, expected)

    def test_a_compiled_classifier_that_predicts_differently_is_refused(self, saved):
        card, members = read_archive(saved)
        card["self_test"]["probabilities"][0] = [0.5, 0.5]
        saved.write_bytes(pack_archive(card, members))
        with pytest.raises(ModelFileError, match="self-test failed"):
            load_model(saved, compiled=True)


class TestRefusals:
    @pytest.mark.parametrize("dump", [pickle.dumps, lambda bomb: pickle.dumps([bomb, fitted_classifier()])])
    def test_a_pickle_named_as_a_model_is_not_run(self, tmp_path, dump):
        trace, file = tmp_path / "trace", tmp_path / "model.aml"
        file.write_bytes(dump(Bomb(trace)))
        with pytest.raises(ModelFileError, match=r"model\.aml: damaged, or not an asthma_ml model file"):
            load_model(file)
        assert not trace.exists()

    def test_a_pickle_in_place_of_the_estimator_is_not_run(self, saved, tmp_path):
        trace = tmp_path / "trace"
        with pytest.raises(ModelFileError, match="damaged, the estimator cannot be read"):
            load_model(rewrite(saved, content=pickle.dumps(Bomb(trace))))
        assert not trace.exists()

    @pytest.mark.parametrize(
        ("smuggled", "name"),
        [
            (Bomb(Path("trace")), "Bomb"),
            ([fitted_classifier, print], "builtins.print"),
            (HistGradientBoostingClassifier, "HistGradientBoostingClassifier"),
            (np.ma.masked_array([1.0]), "MaskedArray"),
        ],
        ids=["own class", "function", "type", "masked array"],
    )
    def test_types_that_are_not_reviewed_are_refused_by_name(self, saved, smuggled, name):
        with pytest.raises(ModelFileError, match=f"contains types that no model file needs: .*{name}"):
            load_model(rewrite(saved, content=skops.io.dumps(smuggled)))

    @pytest.mark.parametrize(
        ("field", "spoil"),
        [
            ("left", lambda nodes: nodes["left"] + len(nodes)),
            ("right", lambda nodes: nodes["right"] * 2**20),
            ("left", lambda nodes: np.zeros_like(nodes["left"])),
            ("left", lambda nodes: nodes["right"]),
            ("is_leaf", lambda nodes: 0),
            ("is_leaf", lambda nodes: 2),
            ("feature_idx", lambda nodes: nodes["feature_idx"] + 1000),
            ("feature_idx", lambda nodes: nodes["feature_idx"] - 1000),
            ("is_categorical", lambda nodes: 1),
        ],
    )
    @pytest.mark.parametrize("place", [0, -1])
    def test_nodes_that_are_no_tree_are_refused(self, saved, field, spoil, place):
        model = deepcopy(fitted_classifier())
        [tree] = model.trees_._predictors[place]
        tree.nodes[field] = spoil(tree.nodes)
        with pytest.raises(ModelFileError, match=r"the estimator cannot be rebuilt .*are inconsistent"):
            load_model(rewrite(saved, content=estimator.estimator_member(model)))

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda model: model.trees_._predictors.pop(),
            lambda model: model.trees_._predictors[0].append(model.trees_._predictors[0][0]),
            lambda model: setattr(model.trees_, "n_trees_per_iteration_", 10**9),
            lambda model: setattr(model.trees_._bin_mapper, "is_categorical_", np.ones(4, dtype=np.uint8)),
            lambda model: model.linear_.scores.source.__iadd__(1000),
            lambda model: setattr(model, "feature_range_", model.feature_range_.astype(">f4")),
            lambda model: setattr(model, "mean_scores_", None),
            lambda model: setattr(model, "n_threads", -1),
            lambda model: setattr(model, "conformal_scores_", 5),
        ],
    )
    def test_an_inconsistent_estimator_is_refused(self, saved, spoil):
        model = deepcopy(fitted_classifier())
        spoil(model)
        with pytest.raises(ModelFileError, match=r"cannot be rebuilt|self-test failed"):
            load_model(rewrite(saved, content=estimator.estimator_member(model)))

    def test_a_file_cannot_ask_for_a_million_threads(self, saved):
        model = deepcopy(fitted_classifier()).set_params(n_threads=1_000_000)
        loaded = load_model(rewrite(saved, content=estimator.estimator_member(model)))
        assert 1 <= loaded.n_threads <= os.cpu_count()

    def test_one_large_array_that_many_nodes_name_is_refused(self, saved, monkeypatch):
        _, members = read_archive(saved)
        monkeypatch.setattr(archive, "LARGEST_FILE", len(members[COMPILED]) + len(members["estimator.skops"]) * 20)
        load_model(saved)
        written = unzip_members(members["estimator.skops"])
        schema = json.loads(written["schema.json"])
        schema["content"]["more"] = [{"__class__": "str", "file": max(written, key=len)}] * 100_000
        content = archive.zip_members(written | {"schema.json": json.dumps(schema).encode()})
        with pytest.raises(ModelFileError, match="its content is larger than"):
            load_model(rewrite(saved, content=content))

    def test_a_member_of_the_same_name_twice_is_refused(self, saved):
        with zipfile.ZipFile(saved, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("card.json", "{}")
        with pytest.raises(ModelFileError, match="it holds a name twice"):
            load_model(saved)

    def test_another_kind_of_estimator_is_refused(self, saved):
        X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
        trees = HistGradientBoostingClassifier(max_iter=2, categorical_features=None).fit(X, y)
        with pytest.raises(ModelFileError, match="it is not a PhenotypeClassifier"):
            load_model(rewrite(saved, content=skops.io.dumps(trees)))

    def test_all_types_that_skops_does_not_trust_are_reviewed(self):
        for n_classes in (2, 4):
            untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(fitted_classifier(n_classes)))
            assert set(untrusted) <= set(estimator._TRUSTED)

    def test_another_minor_version_of_scikit_learn_is_refused(self, saved):
        rewrite(saved, versions={"scikit-learn": "1.7.2"})
        message = (
            f"written with scikit-learn 1.7.2, installed is {sklearn.__version__}; train .* install scikit-learn 1.7$"
        )
        with pytest.raises(ModelFileError, match=message):
            load_model(saved)
        assert read_card(saved)["versions"] == {"scikit-learn": "1.7.2"}

    def test_another_patch_version_of_scikit_learn_is_accepted(self, saved):
        minor = ".".join(sklearn.__version__.split(".")[:2])
        load_model(rewrite(saved, versions={"scikit-learn": f"{minor}.99"}))

    def test_another_name_of_a_unit_is_no_change(self):
        """The shipped model was trained when the unit of exacerbations was called attacks."""
        card = read_card("shipped")
        (then,) = [each for each in card["data_dictionary"] if each["name"] == "exacerbations_12m"]
        check_card(card | {"data_dictionary": [then | {"unit": "attacks"}], "feature_names": [then["name"]]}, "model")
        in_months = then | {"unit": "exacerbations per month"}
        with pytest.raises(ModelFileError, match="unit or levels of exacerbations_12m have changed"):
            check_card(card | {"data_dictionary": [in_months], "feature_names": [then["name"]]}, "model")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"format_version": 3},
                "model format 3 is not supported, this version reads format 4; train the model again",
            ),
            ({"format_version": 99}, "model format 99 is not supported"),
            ({"format": "another"}, "not an asthma_ml model file"),
            ({"estimator_sha256": "0" * 64}, "does not match its checksum"),
            ({"data_dictionary": []}, "unit or levels of age_years, .* have changed"),
            ({"self_test": {"rows": [[0.0]], "probabilities": [[0.5, 0.5]]}}, "self-test cannot be run"),
            (
                {"self_test": {"rows": [[0.0] * 13] * 9999, "probabilities": []}},
                "self-test cannot be run .*9999 rows",
            ),
            ({"self_test": None}, "the card has a wrong entry self_test"),
            ({"data_dictionary": 5}, "the card has a wrong entry data_dictionary"),
            ({"training_patients": 5}, "the card has a wrong entry training_patients"),
            ({"levels": 5}, "the card has a wrong entry levels"),
            ({"levels": {"T2": 5}}, "the card has a wrong entry levels"),
            ({"data_dictionary": [{"name": []}]}, "unit or levels of age_years, .* have changed"),
            ({"data_dictionary": [{"name": "sex", "levels": 5, "unit": []}]}, "unit or levels of .* have changed"),
            ({"data_dictionary": [5]}, "the card has a wrong entry data_dictionary"),
            ({"feature_names": ["feno_ppb", 5]}, "the card has a wrong entry feature_names"),
            ({"classes": ["neutrophilic", "th2_high"]}, "names other classes or features than the model"),
        ],
    )
    def test_an_invalid_card_is_refused(self, saved, changes, message):
        with pytest.raises(ModelFileError, match=message):
            load_model(rewrite(saved, **changes))

    def test_a_model_that_predicts_differently_is_refused(self, saved):
        test = read_card(saved)["self_test"]
        test["probabilities"][0] = [p + s for p, s in zip(test["probabilities"][0], (1e-8, -1e-8), strict=True)]
        with pytest.raises(ModelFileError, match="self-test failed"):
            load_model(rewrite(saved, self_test=test))

    def test_an_estimator_with_another_checksum_is_refused(self, saved):
        other = skops.io.dumps(fitted_classifier(4))
        with pytest.raises(ModelFileError, match="does not match its checksum"):
            load_model(rewrite(saved, content=other, signed=False))

    @pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
    def test_a_truncated_file_is_refused_in_one_line(self, saved, keep):
        whole = saved.read_bytes()
        saved.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(ModelFileError) as refused:
            load_model(saved)
        assert "\n" not in str(refused.value)

    def test_a_flipped_bit_is_refused_or_harmless(self, saved):
        whole, rng = saved.read_bytes(), np.random.default_rng(0)
        expected = load_model(saved).predict_proba(synthetic_patients()[0])
        for place in rng.integers(0, len(whole), 40):
            spoiled = bytearray(whole)
            spoiled[place] ^= 1 << rng.integers(0, 8)
            saved.write_bytes(spoiled)
            try:
                found = load_model(saved).predict_proba(synthetic_patients()[0])
            except ModelFileError:
                continue
            np.testing.assert_array_equal(found, expected)

    def test_a_file_with_too_large_or_too_many_members_is_refused(self, saved, monkeypatch):
        monkeypatch.setattr(archive, "LARGEST_FILE", saved.stat().st_size * 20)
        load_model(saved)
        with zipfile.ZipFile(saved, "a", zipfile.ZIP_DEFLATED) as file:
            file.writestr("more.npz", bytes(archive.LARGEST_FILE))
        with pytest.raises(ModelFileError, match="its content is larger than"):
            load_model(saved)
        monkeypatch.undo()
        monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
        with pytest.raises(ModelFileError, match="or more than 3 members"):
            load_model(saved)
        monkeypatch.setattr(archive, "LARGEST_FILE", 1000)
        with pytest.raises(ModelFileError, match="its content is larger than"):
            load_model(saved)

    @pytest.mark.parametrize("compiled", [True, False])
    def test_members_and_arrays_that_a_model_does_not_have_are_refused(self, saved, compiled):
        card, members = read_archive(saved)

        def refused(changed: dict[str, bytes], message: str) -> None:
            signed = {f"{name.split('.')[0]}_sha256": sha256(content).hexdigest() for name, content in changed.items()}
            signed.pop("more_sha256", None)
            saved.write_bytes(pack_archive(card | signed, changed))
            with pytest.raises(ModelFileError, match=message):
                load_model(saved, compiled=compiled)

        refused(members | {"more.npz": b""}, r"it holds members that the card does not name: more\.npz")
        name = COMPILED if compiled else "estimator.skops"
        inner = unzip_members(members[name])
        refused(members | {name: archive.zip_members(inner | {"more.npy": inner[max(inner)]})}, "unknown .*: more")

    def test_a_missing_file_is_refused(self, tmp_path):
        for read in (load_model, read_card):
            with pytest.raises(ModelFileError, match=r"nowhere\.aml: cannot be read"):
                read(tmp_path / "nowhere.aml")

    def test_another_zip_archive_is_refused(self, tmp_path):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("letter.txt", "dear colleague")
        (tmp_path / "model.aml").write_bytes(buffer.getvalue())
        with pytest.raises(ModelFileError, match="not an asthma_ml model file"):
            load_model(tmp_path / "model.aml")
