"""The arrays of a mechanism regression in a model file are checked like those of the model itself."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files import load_model, save_model
from asthma_ml.model_files.archive import pack_archive, read_archive, unzip_members, zip_members
from asthma_ml.model_files.mechanisms import MECHANISMS
from asthma_ml.training import learn_mechanisms


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = generate_cohort(300, seed=1).training_data()
    model = PhenotypeClassifier(n_trees=5).fit(X[["age_years", "sex", "feno_ppb"]], y)
    model.mechanisms_ = learn_mechanisms(model, n_patients=1_000)
    path = tmp_path_factory.mktemp("model") / "model.aml"
    save_model(model, path)
    return path


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("branches/decisions/feature", lambda array: array + 1000),
        ("branches/decisions/feature", lambda array: -array - 1),
        ("branches/decision", lambda array: array + 10**6),
        ("branches/decision", lambda array: array.astype(">i8")),
        ("branches/margin", lambda array: -array - 1),
        ("branches/leaf", lambda array: array.astype(">f8")),
        ("branches/leaf", np.asfortranarray),
        ("branches/leaf", lambda array: array[1:]),
        ("errors", lambda array: array[:, :0]),
        ("errors", lambda array: array[0]),
        ("base", lambda array: array.astype(str)),
        ("feature_range", lambda array: array[:, :1]),
        ("explained_variance", lambda array: array[:0]),
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_inconsistent_arrays_are_refused(saved, tmp_path, name, spoil, compiled):
    card, members = read_archive(saved)
    arrays, buffer = unzip_members(members[MECHANISMS]), io.BytesIO()
    np.save(buffer, spoil(np.load(io.BytesIO(arrays[f"{name}.npy"]))))
    members[MECHANISMS] = zip_members(arrays | {f"{name}.npy": buffer.getvalue()})
    card["mechanisms_sha256"] = sha256(members[MECHANISMS]).hexdigest()
    (tmp_path / "model.aml").write_bytes(pack_archive(card, members))
    with pytest.raises(ModelFileError, match=r"damaged, the mechanisms cannot be read .*are inconsistent"):
        load_model(tmp_path / "model.aml", compiled=compiled)


def test_mechanisms_with_another_checksum_are_refused(saved, tmp_path):
    card, members = read_archive(saved)
    (tmp_path / "model.aml").write_bytes(pack_archive(card, members | {MECHANISMS: members[MECHANISMS] + b"x"}))
    with pytest.raises(ModelFileError, match="the mechanisms does not match its checksum"):
        load_model(tmp_path / "model.aml", compiled=True)
