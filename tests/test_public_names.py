"""Public names of the package, and a light import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import asthma_ml as aml


@pytest.mark.parametrize("name", aml.__all__)
def test_each_public_name_can_be_imported(name: str) -> None:
    assert getattr(aml, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="predict_tabel"):
        _ = aml.predict_tabel


def test_dir_contains_the_public_names() -> None:
    assert set(aml.__all__) <= set(dir(aml))


def test_importing_loads_neither_sklearn_nor_shap_nor_matplotlib() -> None:
    code = (
        "import sys, asthma_ml; asthma_ml.data_dictionary();"
        "sys.exit(bool({'sklearn', 'shap', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
