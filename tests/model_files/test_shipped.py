"""Shipped files are found in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import AsthmaMLError
from asthma_ml.model_files import shipped
from asthma_ml.model_files.archive import read_card
from asthma_ml.patients import read_patients


def test_example_patients_are_valid_and_have_no_label() -> None:
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


def test_a_missing_shipped_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "asthma_ml")
    with pytest.raises(AsthmaMLError, match="--model"):
        shipped.shipped_model_path()


def test_shipped_is_the_name_of_the_shipped_model() -> None:
    assert shipped.resolve_model_path("shipped") == shipped.shipped_model_path()
    assert read_card("shipped") == read_card(shipped.shipped_model_path())


def test_other_paths_are_unchanged() -> None:
    for path in ("model.aml", "./shipped", Path("folder/shipped")):
        assert shipped.resolve_model_path(path) == Path(path)
