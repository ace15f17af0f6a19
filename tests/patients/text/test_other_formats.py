"""Files that are no table of text are refused in one line that names what they are and the way out."""

from __future__ import annotations

import pytest

from asthma_ml.errors import UnusableInputError
from tests.text_files import parse_text_table

HTML = "<html><body><table><tr><th>patient_id</th></tr></table></body></html>"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (HTML, "a web page"),
        (f"\ufeff\r\n<!DOCTYPE html>\n{HTML}", "a web page"),
        ('<table border="1"><tr><td>age</td></tr></table>', "a web page"),
        (
            '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
            '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
            "a workbook saved as XML",
        ),
        ('<?xml version="1.0"?><ODM><ClinicalData/></ODM>', "an XML file"),
        ('[{"patient_id": "S01", "age": 44}]', "a JSON file"),
        ('{"patients":\n [{"age": 44}]}', "a JSON file"),
        ('{"patient_id":"S01","age":44}\n{"patient_id":"S02","age":63}\n', "a JSON file"),
        ("%PDF-1.7\n", "a PDF document"),
        ("{\\rtf1 age}", "RTF"),
        ("SQLite format 3\0", "SQLite"),
        ("X\n\0\0\0\3", "a file of R"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_other_files_are_named(content: str, what: str, encoding: str) -> None:
    if encoding == "utf-16" and content.startswith(("%", "{\\rtf", "SQL", "X")):
        pytest.skip("these files are bytes")
    with pytest.raises(UnusableInputError) as refusal:
        parse_text_table(content.encode(encoding), "clinic.xls")
    message = str(refusal.value)
    assert message.startswith("clinic.xls: ")
    assert what in message or "JSON" in message
    assert "CSV" in message or "csv" in message
    assert "\n" not in message


@pytest.mark.parametrize("header", ["<5,age,feno", "[age],feno", '"{""ImportId"":""a""}",age', "{age},feno"])
def test_strange_headers_are_still_headers(header: str) -> None:
    assert len(parse_text_table(f"{header}\n1,2\n".encode(), "clinic.csv").names) >= 2
