"""What comes with the package is found in a checkout and in a wheel, and missed with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml import shipped
from asthma_ml.errors import AsthmaMLError
from asthma_ml.patients import read_patients


def test_example_patients_are_valid_and_carry_no_label() -> None:
    patients = read_patients(shipped.example_patients_path())
    assert len(patients) > 0
    assert not patients.invalid.all()
    assert "phenotype" not in patients.values.columns


@pytest.mark.parametrize("place", ["asthma_ml", "."])
def test_files_are_found_inside_the_package_or_beside_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / place / "models" / "th2_vs_neutrophilic.aml"
    model.parent.mkdir(parents=True)
    model.touch()
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "asthma_ml")
    assert shipped.shipped_model_path() == model


def test_a_missing_model_is_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "asthma_ml")
    with pytest.raises(AsthmaMLError, match="--model"):
        shipped.shipped_model_path()
