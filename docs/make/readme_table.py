"""Predictions of the example patients as the Markdown table of README.md.

Run ``python docs/make/readme_table.py`` after a change of the shipped model or of the words of its reasons.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from asthma_ml.model_files import example_patients_path, load_model
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_table
from asthma_ml.wording import rounded

README = Path(__file__).parents[2] / "README.md"
N_SHOWN = 10
COLUMNS = ("patient_id", "feno_ppb", "blood_eosinophils_cells_ul", "aml_status", "aml_phenotype", "aml_p_th2_high")
COLUMNS += ("aml_p_unmodelled", "aml_adherence_gate")


def predictions_table() -> str:
    """Table of the first patients, and the reason of the first one in full."""
    predicted = predict_table(load_model("shipped"), read_patients(example_patients_path()))
    rows = predicted.head(N_SHOWN)[list(COLUMNS)].map(_cell).to_numpy().tolist()
    lines = [
        "| " + " | ".join(row) + " |" for row in ([f"`{name}`" for name in COLUMNS], ["---"] * len(COLUMNS), *rows)
    ]
    return "\n".join(
        [*lines, "", f"`aml_reasons` of patient {predicted['patient_id'][0]}: {predicted['aml_reasons'][0]}"]
    )


def with_table(page: str) -> str:
    """The page with the table between its two marks."""
    return re.sub(
        r"(<!-- predictions: start.*?-->\n).*?(<!-- predictions: end -->)",
        lambda marks: f"{marks[1]}{predictions_table()}\n{marks[2]}",
        page,
        flags=re.DOTALL,
    )


def _cell(value: object) -> str:
    """A probability with three decimals or more; anything else as written in the CSV file."""
    if isinstance(value, float) and not pd.isna(value):
        return rounded(value, 3)
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
