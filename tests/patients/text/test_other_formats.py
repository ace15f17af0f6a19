"""Files that are no table of text are refused in one line that names what they are and the way out."""

from __future__ import annotations

import bz2
import lzma
import pickle
from collections.abc import Callable

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
        ("<patients>\n <patient id='S01' feno='42'>", "an XML file"),
        ("<!-- export --><patients/>", "an XML file"),
        ("INSERT INTO patients (patient_id, feno_ppb) VALUES ('S01', 42);\n", "SQL"),
        ("-- MySQL dump 10.13\n--\nCREATE TABLE `p` (`patient_id` int);\n", "SQL"),
        ("--\n-- PostgreSQL database dump\n--\n\nCOPY public.p (patient_id, age) FROM stdin;\n", "SQL"),
        ('structure(list(patient_id = c("S01", "S02"), age = c(44, 52)), class = "data.frame")\n', "R"),
        ("p <- data.frame(patient_id = c('S01', 'S02'), age = c(44, 52))\n", "R"),
        ("{'patient_id': ['S01', 'S02'], 'age': [44, 52]}\n", "Python"),
        ("\\begin{tabular}{lr}\npatient_id & age \\\\\nS01 & 44 \\\\\n", "LaTeX"),
        ("patient_id & age \\\\ \\hline\nS01 & 44 \\\\\n", "LaTeX"),
        ('{| class="wikitable"\n! patient_id !! age\n|-\n| S01 || 44\n|}\n', "wiki"),
        ("====  ===\nid    age\n====  ===\nS01   44\n", "wiki"),
        ("- patient_id: S01\n  age: 44\n", "YAML"),
        ("@relation patients\n@attribute age numeric\n@data\n44\n", "ARFF"),
        ("MSH|^~\\&|LAB|H\nPID|1||S01\n", "HL7"),
        ('ID;PWXL;N;E\nC;Y1;X1;K"patient_id"\n', "SYLK"),
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


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c\0\4", "an archive"),
        (b"Rar!\x1a\x07\x01\0", "an archive"),
        (b"clinic.csv" + bytes(247) + b"ustar\00000", "an archive"),
        (pickle.dumps({"age": [44]}), "a Python pickle"),
        (b"\0\1\0\0Standard ACE DB\0", "an Access database"),
        (bz2.compress(b"RDX3\nX\n\0\0\0\3"), "a file of R"),
        (b"A\n3\n262146\n197888\n", "a file of R"),
        (b"FEA1\0\0\0\0", "Arrow"),
        (b"\xff\xff\xff\xff\x78\1\0\0\x10", "Arrow"),
        (b"ORC\n\x20\0\0", "an ORC file"),
        (b"Obj\x01\x04\x16avro.schema", "an Avro file"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x03\x7c\x01\x0f\x0c\0\0\0", "dBASE"),
        ("patient_id,age\n".encode("utf-32"), "UTF-32"),
        ("age,sex\n44,女\n".encode("iso2022_jp"), "ISO 2022"),
    ],
)
def test_other_bytes_are_named(content: bytes, what: str) -> None:
    with pytest.raises(UnusableInputError) as refusal:
        parse_text_table(content, "clinic.csv")
    assert what in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_compressed_files_are_read(compress: Callable[[bytes], bytes]) -> None:
    assert parse_text_table(compress(b"patient_id,age\nS01,44\n"), "clinic.csv.z").names == ["patient_id", "age"]
    with pytest.raises(UnusableInputError, match=r"damaged (bz2|xz) file"):
        parse_text_table(compress(b"patient_id,age\nS01,44\n" * 99)[:-20], "clinic.csv.z")


@pytest.mark.parametrize(
    "line", ["From ward 3,,", "Import 2024,,", "C (mg/dL),age,feno", "ORC_id,age,feno", "--,age,feno", "A,age,feno"]
)
def test_titles_and_headers_that_resemble_code_are_read(line: str) -> None:
    assert parse_text_table(f"{line}\n3,44,42\n".encode(), "clinic.csv").names


@pytest.mark.parametrize("sign", ["^", "~", "\x01", "\x1f", "§", "::", "&", "；"])
def test_other_delimiters_are_named(sign: str) -> None:
    lines = sign.join(["patient_id", "age", "feno"]) + "\n" + sign.join(["S01", "44", "42"]) + "\n"
    with pytest.raises(UnusableInputError, match="the cells are separated by") as refusal:
        parse_text_table(lines.encode(), "clinic.csv")
    assert repr(sign[0]) in str(refusal.value)


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ("cp932", "男 女"),
        ("euc_jp", "男性 女性"),
        ("gbk", "男 女"),
        ("euc_kr", "남 여"),
        ("cp1251", "мужской женский"),
        ("koi8_r", "мужской женский"),
        ("cp1253", "άνδρας γυναίκα"),
        ("mac_roman", "weiblich männlich"),
        ("mac_roman", "féminin masculin"),
        ("cp850", "weiblich männlich"),
        ("iso8859_2", "żeńska mężczyzna"),
        ("iso8859_2", "žena muž"),
    ],
)
def test_other_encodings_are_refused_in_one_line(codec: str, words: str) -> None:
    cells = "\n".join(f"S0{i},{word}" for i, word in enumerate(words.split()))
    with pytest.raises(UnusableInputError, match=r"line \d on; looks like text .*; save it as UTF-8"):
        parse_text_table(f"patient_id,sex\n{cells}\n".encode(codec), "clinic.csv")


@pytest.mark.parametrize(
    "word", ["männlich", "FÜSSE", "création", "été", "não", "kvinnlig å", "c’œur", "µg/m³", "žena"]
)
def test_western_words_are_read_as_windows_1252(word: str) -> None:
    table = parse_text_table(f"patient_id,note\nS01,{word}\n".encode("cp1252"), "clinic.csv")
    assert table.texts("note") == [word]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_read(codec: str) -> None:
    assert parse_text_table("patient_id,age\nS01,44\n".encode(codec), "clinic.csv").names == ["patient_id", "age"]


@pytest.mark.parametrize("header", ["<5,age,feno", "[age],feno", '"{""ImportId"":""a""}",age', "{age},feno"])
def test_strange_headers_are_still_headers(header: str) -> None:
    assert len(parse_text_table(f"{header}\n1,2\n".encode(), "clinic.csv").names) >= 2
