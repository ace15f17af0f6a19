"""A small file is predicted with numpy alone, or with numpy and Arrow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

LOOK = """
import sys
from asthma_ml.prediction import predict_file
predict_file("shipped", sys.argv[1], sys.argv[2], explain=sys.argv[3])
heavy = {"pandas", "scipy", "sklearn", "shap", "pyarrow", "numba", "joblib", "tqdm", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("explain", ["none", "factors", "features"])
def test_a_small_file_is_predicted_with_numpy_alone(explain: str, tmp_path: Path) -> None:
    patients = tmp_path / "patients.csv"
    patients.write_text("patient_id,sex,feno_ppb,blood_eosinophils_cells_ul\n007,male,85,<50\n008,female,,120\n")
    call = [sys.executable, "-c", LOOK, str(patients), str(tmp_path / "out.csv"), explain]
    run = subprocess.run(call, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


def test_a_small_parquet_file_is_predicted_with_numpy_and_arrow_alone(tmp_path: Path) -> None:
    patients = tmp_path / "patients.parquet"
    pq.write_table(pa.table({"patient_id": ["007", "008"], "sex": ["male", None], "feno_ppb": [85, None]}), patients)
    call = [sys.executable, "-c", LOOK, str(patients), str(tmp_path / "out.parquet"), "factors"]
    run = subprocess.run(call, capture_output=True, text=True, check=True)
    assert run.stdout == "['pyarrow']\n"
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 2
