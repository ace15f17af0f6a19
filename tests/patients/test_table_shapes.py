"""Long and transposed tables are refused with the way out; tables of patients with similar columns are not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import read_patients

LONG = """\
patient,code,value,unit
p-1,711-2,0.4,10*3/uL
p-1,39156-5,27.1,kg/m2
p-2,711-2,0.1,10*3/uL
"""
WITH_AGE = """\
patient_id,age,sex,test_name,result
S01,44,F,FeNO,52
S01,44,F,eosinophils,430
S02,63,M,FeNO,14
"""
CDISC = "USUBJID,LBTESTCD,LBORRES,LBORRESU\nS01,EOS,0.4,10^9/L\nS01,IGE,310,kU/L\n"
NAMELESS = "subject,what,amount\nS01,FeNO,52\nS01,age,44\nS02,FeNO,14\n"
TRANSPOSED = "patient_id,S01,S02\nage,44,63\nsex,F,M\nfeno,52,14\n"
VARIABLES_FIRST = "variable,1,2\nAge,44,63\nFeNO,52,14\nSex,F,M\n"
WIDE = """\
patient_id,age,sex,feno,eos,test,result
S01,44,F,52,430,skin prick,positive
S02,63,M,14,90,spirometry,negative
"""


def path_of(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "clinic.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [LONG, WITH_AGE, CDISC, NAMELESS])
def test_long_tables_are_refused(text: str, tmp_path: Path) -> None:
    path = path_of(text, tmp_path)
    with pytest.raises(UnusableInputError, match=r"this is a long table, .*make one row of each patient"):
        read_patients(path)
    with pytest.raises(UnusableInputError, match="this is a long table"):
        read_patients(pd.read_csv(path))
    pd.read_csv(path).to_parquet(tmp_path / "clinic.parquet")
    with pytest.raises(UnusableInputError, match="this is a long table"):
        read_patients(tmp_path / "clinic.parquet")


@pytest.mark.parametrize("text", [TRANSPOSED, VARIABLES_FIRST])
def test_transposed_tables_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"this is a transposed table, .*swap rows and columns first"):
        read_patients(path_of(text, tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        WIDE,
        "patient_id,feno,note\nS01,52,FeNO high\nS02,14,age unknown\n",
        "code,value,feno,eos,age\nA1,3,52,430,44\nA2,5,14,90,63\n",
        "code,feno,eos,result\nA1,52,430,good\nA2,14,90,poor\n",
        "patient_id,feno\n",
    ],
)
def test_tables_of_patients_are_read(text: str, tmp_path: Path) -> None:
    assert "feno_ppb" in read_patients(path_of(text, tmp_path)).values
