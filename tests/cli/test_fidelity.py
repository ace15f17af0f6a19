"""``asthma-ml fidelity``."""

import csv
import io

from asthma_ml.evaluation.fidelity import COLUMNS
from asthma_ml.evidence import evidence_table


def test_fidelity_answers_every_row_of_the_evidence(run):
    result = run("fidelity", "--patients", "2000")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == evidence_table().index.tolist()
    assert {row["within"] for row in rows} == {"true", "false", ""}
    assert all(row["reason"] for row in rows if not row["within"])
    assert "within tolerance" in result.stderr
