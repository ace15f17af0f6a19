"""Patient tables in and out: read, map columns, convert units, check, write."""

from asthma_ml.patients.column_map import ColumnMap, MappedColumn
from asthma_ml.patients.map_draft import draft_map
from asthma_ml.patients.parsing import read_number
from asthma_ml.patients.problems import Problem, problems_as_records, summarise_problems
from asthma_ml.patients.reading import PatientTable, read_patients
from asthma_ml.patients.streaming import CHUNK_ROWS, PatientFile
from asthma_ml.patients.writing import write_bytes, write_table, write_text

__all__ = [
    "CHUNK_ROWS",
    "ColumnMap",
    "MappedColumn",
    "PatientFile",
    "PatientTable",
    "Problem",
    "draft_map",
    "problems_as_records",
    "read_number",
    "read_patients",
    "summarise_problems",
    "write_bytes",
    "write_table",
    "write_text",
]
