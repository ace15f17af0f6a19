"""Predictions of a file equal those of the same table in memory, in parts, in several processes or resumed."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import AsthmaMLError, RowsRefusedError, UnusableInputError
from asthma_ml.files import part_files, write_table
from asthma_ml.model_files.files import save_model
from asthma_ml.patients import read_patients
from asthma_ml.patients.text import identifiers, plain_files
from asthma_ml.prediction import predict_file, predict_table
from tests.synthetic_patients import fitted_classifier, synthetic_patients

HARD_ROWS = """007,"two
lines",50,female,350,38.5
008,"a ""quoted"" word, and a comma",61,male,900,<5

007,,44,,,
  ,"\r\n",199,femal,80,12
009,z,x,male,-1,900
010,too few
011,a,b,50,female,350,38.5,"too, many"
"012"3,broken,50,female,350,38.5
011,,50,female,350,38.5
"""
HEADER = "patient_id,note,age_years,sex,eos,feno_ppb\n"


@cache
def small_model() -> PhenotypeClassifier:
    X, y = synthetic_patients(300)
    return PhenotypeClassifier(n_trees=8).fit(X[["age_years", "sex", "blood_eosinophils_cells_ul", "feno_ppb"]], y)


def clinic(n_patients: int = 230) -> pd.DataFrame:
    X, _ = synthetic_patients(n_patients, seed=4)
    X.insert(0, "patient_id", [f"{i % (n_patients - 3):03d}" for i in range(n_patients)])
    X.loc[[5, 50], "feno_ppb"] = 900.0
    return X


def in_memory(source, output, explain="factors", model=None) -> bytes:
    write_table(predict_table(model or fitted_classifier(), read_patients(source), explain), output)
    return Path(output).read_bytes()


class TestSameBytes:
    @pytest.mark.parametrize("chunk_rows", [1, 7, 230, 1000])
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_output_does_not_depend_on_the_chunk_size(self, tmp_path, chunk_rows, n_classes):
        model = fitted_classifier(n_classes)
        write_table(clinic(), tmp_path / "clinic.csv")
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "features", model)
        predicted = predict_file(
            model, tmp_path / "clinic.csv", tmp_path / "out.csv", explain="features", chunk_rows=chunk_rows
        )
        assert (tmp_path / "out.csv").read_bytes() == expected
        assert predicted.n_patients == 230
        assert predicted.n_repeated == 6
        assert predicted.statuses == pd.read_csv(tmp_path / "out.csv")["aml_status"].value_counts().to_dict()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["clinic.csv", "expected.csv", "out.csv"]

    def test_output_does_not_depend_on_the_number_of_jobs(self, tmp_path):
        write_table(clinic(), tmp_path / "clinic.csv")
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "none")
        predict_file(
            fitted_classifier(),
            tmp_path / "clinic.csv",
            tmp_path / "out.csv",
            explain="none",
            chunk_rows=20,
            jobs=2,
        )
        assert (tmp_path / "out.csv").read_bytes() == expected

    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet"])
    @pytest.mark.parametrize("given", [".csv", ".tsv.gz", ".parquet"])
    def test_output_does_not_depend_on_the_input_format(self, tmp_path, given, suffix):
        write_table(clinic(), tmp_path / f"clinic{given}")
        expected = in_memory(tmp_path / f"clinic{given}", tmp_path / f"expected{suffix}", "none")
        predict_file(
            fitted_classifier(), tmp_path / f"clinic{given}", tmp_path / f"out{suffix}", explain="none", chunk_rows=50
        )
        assert (tmp_path / f"out{suffix}").read_bytes() == expected

    @pytest.mark.parametrize(
        "encode",
        [
            lambda text: text.encode(),
            lambda text: codecs.BOM_UTF8 + text.encode(),
            lambda text: text.encode("utf-16"),
            lambda text: text.replace("word", "Wörter").encode("cp1252"),
            lambda text: text.encode("utf-16-be"),
            lambda text: text.replace("\n", "\r\n").encode(),
            lambda text: text.replace("\r\n", "").replace("\n", "\r").encode(),
            lambda text: gzip.compress(text.encode("utf-16")),
            lambda text: (HEADER + HARD_ROWS.rstrip("\n")).encode(),
            lambda text: HEADER.encode(),
        ],
    )
    @pytest.mark.parametrize("chunk_rows", [1, 2, 100])
    def test_output_does_not_depend_on_the_text_encoding(self, tmp_path, encode, chunk_rows):
        """Line breaks in cells, blank lines, encodings, invalid rows, misfits, repeated and empty identifiers."""
        (tmp_path / "hard.csv").write_bytes(encode(HEADER + HARD_ROWS))
        expected = in_memory(tmp_path / "hard.csv", tmp_path / "expected.csv", "none", small_model())
        predict_file(small_model(), tmp_path / "hard.csv", tmp_path / "out.csv", explain="none", chunk_rows=chunk_rows)
        assert (tmp_path / "out.csv").read_bytes() == expected

    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_the_probability_of_an_unmodelled_diagnosis_is_written(self, tmp_path, suffix):
        """With an auxiliary classifier it is empty in invalid rows only; without one it is empty in all rows."""
        write_table(clinic(), tmp_path / "clinic.csv")
        X, y = synthetic_patients(300, n_classes=4)
        named = np.isin(y, ["th2_high", "neutrophilic_th2_low"])
        model = PhenotypeClassifier(n_trees=2).fit(X[named], y[named])
        read = pd.read_parquet if suffix == ".parquet" else pd.read_csv
        for auxiliary, n_filled in ((False, 0), (True, 228)):
            fitted = model.fit_auxiliary(X, y) if auxiliary else model
            expected = in_memory(tmp_path / "clinic.csv", tmp_path / f"expected{suffix}", "none", fitted)
            out = tmp_path / f"out{suffix}"
            predict_file(fitted, tmp_path / "clinic.csv", out, explain="none", chunk_rows=50)
            assert out.read_bytes() == expected
            assert read(out)["aml_p_unmodelled"].notna().sum() == n_filled

    def test_integer_columns_with_missing_values_in_one_part_only(self, tmp_path):
        """The pandas type of a Parquet column depends on all its rows; the file keeps its own."""
        table = clinic(60)
        table["visits"] = pd.array([1, None, *range(58)], dtype="Int64")
        table["smoker"] = pd.array([True, None, *[False] * 58], dtype="boolean")
        table["patient_id"] = pd.array([*range(59), None], dtype="Int64")
        given = tmp_path / "clinic.parquet"
        table.to_parquet(given, index=False, row_group_size=17)
        for suffix in (".csv", ".parquet"):
            predict_file(fitted_classifier(), given, tmp_path / f"out{suffix}", explain="none", chunk_rows=8)
        assert (tmp_path / "out.csv").read_bytes() == in_memory(given, tmp_path / "expected.csv", "none")
        before, after = pq.read_table(given), pq.read_table(tmp_path / "out.parquet")
        assert after.select(before.column_names).equals(before)
        predicted = predict_table(fitted_classifier(), read_patients(given), "none")
        pd.testing.assert_frame_equal(after.to_pandas(ignore_metadata=True), predicted, check_dtype=False)

    def test_standard_input_and_output(self, tmp_path, monkeypatch, capfdbinary):
        write_table(clinic(), tmp_path / "clinic.csv")
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "none")
        data = io.BytesIO((tmp_path / "clinic.csv").read_bytes())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
        with open(1, "w", encoding="ascii", closefd=False) as stdout:
            monkeypatch.setattr("sys.stdout", stdout)
            predict_file(fitted_classifier(), "-", "-", explain="none", chunk_rows=33)
        assert capfdbinary.readouterr().out == expected


def table_or_refusal(predicted, *how) -> bytes | str:
    try:
        return predicted(*how)
    except AsthmaMLError as error:
        return f"{type(error)}: {error}"


CELL = st.sampled_from(["", "NA", "50", "199", "<5", "a\nb", 'say "x"', "a,b", "0.3", "female", " ", "ü", "007", "\r"])


@settings(deadline=None, max_examples=80)
@given(
    rows=st.lists(st.lists(CELL, min_size=4, max_size=4) | st.lists(CELL, min_size=1, max_size=6), max_size=9),
    chunk_rows=st.integers(1, 10),
    delimiter=st.sampled_from(",;"),
    quote=st.sampled_from(['"', ""]),
    noise=st.binary(max_size=3),
)
def test_any_file_is_predicted_or_refused_like_the_table_in_memory(
    tmp_path_factory, rows, chunk_rows, delimiter, quote, noise
):
    folder = tmp_path_factory.getbasetemp()
    names = ["patient_id", "age_years", "blood_eosinophils_cells_ul", "note"]
    text = "\n".join(
        delimiter.join(f"{quote}{cell.replace(quote, quote * 2)}{quote}" if quote else cell for cell in row)
        for row in [names, *rows]
    )
    (folder / "any.csv").write_bytes(text.encode() + b"\n" + noise)

    def in_parts(source, output, explain, model):
        predict_file(model, source, output, explain=explain, chunk_rows=chunk_rows)
        return output.read_bytes()

    outcomes = [
        table_or_refusal(predicted, folder / "any.csv", folder / "any_out.csv", "none", small_model())
        for predicted in (in_memory, in_parts)
    ]
    assert outcomes[0] == outcomes[1]


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a,b\n1,2\n",
            "patient_id,feno_ppb,patient_id\n",
            'patient_id,feno_ppb\n1,2\n3,"4\n',
            "patient_id,feno_ppb\n1,2\n3,\0\n",
            "patient_id,blood_eosinophils_cells_ul\n" + "1,0.3\n" * 5 + "1,300\n" * 4,
            "patient_id,feno_ppb,aml_status\n1,2,ok\n",
            "patient_id,site\n1,2\n",
        ],
    )
    def test_a_file_is_refused_with_the_same_message_as_a_table_and_leaves_no_output(self, tmp_path, text):
        (tmp_path / "clinic.csv").write_text(text, encoding="utf-8")
        with pytest.raises(UnusableInputError) as expected:
            predict_table(fitted_classifier(), read_patients(tmp_path / "clinic.csv"))
        with pytest.raises(UnusableInputError) as refusal:
            predict_file(fitted_classifier(), tmp_path / "clinic.csv", tmp_path / "out.csv", chunk_rows=2)
        assert str(refusal.value) == str(expected.value)
        assert [file.name for file in tmp_path.iterdir()] == ["clinic.csv"]

    def test_the_unit_of_a_column_is_inferred_from_all_its_rows(self, tmp_path):
        """The last part of four rows alone would look like another unit."""
        eosinophils = [300.0, 150.0, 90.0, 400.0, 250.0, 80.0, 120.0, 0.3, 0.2, 0.4]
        write_table(pd.DataFrame({"blood_eosinophils_cells_ul": eosinophils}), tmp_path / "clinic.csv")
        predict_file(small_model(), tmp_path / "clinic.csv", tmp_path / "out.csv", explain="none", chunk_rows=4)
        assert len(pd.read_csv(tmp_path / "out.csv")) == 10

    def test_strict_counts_all_invalid_rows_before_predicting(self, tmp_path):
        write_table(clinic(), tmp_path / "clinic.csv")
        with pytest.raises(RowsRefusedError) as refusal:
            predict_file(fitted_classifier(), tmp_path / "clinic.csv", tmp_path / "out.csv", strict=True, chunk_rows=20)
        assert "2 of 230 rows are invalid: feno_ppb: 2 values outside 0-400 ppb (lines 7, 52)" in str(refusal.value)
        assert not (tmp_path / "out.csv").exists()

    def test_strict_counts_rows_that_do_not_fit_the_header(self, tmp_path):
        (tmp_path / "clinic.csv").write_text("patient_id,feno_ppb\n1,2\n3\n4,5,6\n7\n8,900\n", encoding="utf-8")
        with pytest.raises(RowsRefusedError) as refusal:
            predict_file(small_model(), tmp_path / "clinic.csv", tmp_path / "out.csv", strict=True, chunk_rows=2)
        assert "4 of 5 rows are invalid: 2 rows with 1 cell where the header has 2 (lines 3, 5)" in str(refusal.value)

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"explain": "lime"}, "allowed are none, factors, features, mechanisms"),
            ({"chunk_rows": 0}, "chunk_rows=0"),
            ({"jobs": 0}, "jobs=0"),
            ({"resume": True, "output": "-"}, "--resume needs an output file"),
            ({"output": "out.xlsx"}, r"written as \.csv"),
            ({"source": "none.csv"}, "no such file"),
            ({"output": "none/out.csv"}, "there is no folder"),
        ],
    )
    def test_impossible_options_are_refused_before_any_work(self, tmp_path, monkeypatch, how, message):
        monkeypatch.chdir(tmp_path)
        write_table(clinic(60), "clinic.csv")
        given = {"source": "clinic.csv", "output": "out.csv"} | how
        with pytest.raises(UnusableInputError, match=message):
            predict_file(fitted_classifier(), **given)
        assert [file.name for file in tmp_path.iterdir()] == ["clinic.csv"]

    def test_a_file_that_changes_while_it_is_read_is_refused(self, tmp_path, monkeypatch):
        source = tmp_path / "clinic.csv"
        write_table(clinic(), source)
        append = part_files.PartFile.append

        def meddle(self, *block):
            append(self, *block)
            with source.open("a") as file:
                file.write("later\n")

        monkeypatch.setattr(part_files.PartFile, "append", meddle)
        with pytest.raises(UnusableInputError, match="the file changed while it was read"):
            predict_file(fitted_classifier(), source, tmp_path / "out.csv", chunk_rows=50)
        assert not (tmp_path / "out.csv").exists()


class Cut(BaseException):
    """Ends a run from inside."""


def cut_short(monkeypatch, after: int, error: BaseException):
    """Make writing fail after some blocks, with half of the next one written."""
    written, write_all = [], part_files.write_all

    def fail(file, block):
        if len(written) == after:
            file.write(block[: len(block) // 2])
            raise error
        written.append(block)
        write_all(file, block)

    monkeypatch.setattr(part_files, "write_all", fail)


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestResuming:
    @pytest.mark.parametrize(
        ("suffix", "explain"), [(".csv", "factors"), (".csv.gz", "none"), (".parquet", "none"), (".parquet", "factors")]
    )
    def test_resume_continues_after_the_last_complete_block_with_the_same_bytes(self, tmp_path, suffix, explain):
        write_table(clinic(), tmp_path / "clinic.csv")
        out = tmp_path / f"out{suffix}"
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / f"expected{suffix}", explain)
        for after, rows_before in ((2, 0), (1, 60)):
            self.cut_after(after, tmp_path, out, explain=explain, chunk_rows=30, resume=rows_before > 0)
            assert not out.exists()
        predicted = self.predict(tmp_path, out, explain=explain, chunk_rows=17, resume=True)
        assert predicted.n_resumed == 90
        assert sum(predicted.statuses.values()) == 230
        assert out.read_bytes() == expected
        assert not list(tmp_path.glob("*.part*"))

    def test_rows_that_do_not_fit_the_header_count_as_rows(self, tmp_path):
        write_table(clinic(), tmp_path / "clinic.csv")
        lines = (tmp_path / "clinic.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        lines[40:40], lines[5:5], lines[-1:] = ["a,b\n"], ["total," + "," * 99 + "\n"], ["the end"]
        (tmp_path / "clinic.csv").write_text("".join(lines), encoding="utf-8")
        out, expected = tmp_path / "out.csv", in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "none")
        self.cut_after(4, tmp_path, out, chunk_rows=30)
        predicted = self.predict(tmp_path, out, chunk_rows=17, resume=True, jobs=2)
        assert (predicted.n_patients, predicted.n_resumed, predicted.statuses["invalid"]) == (232, 120, 5)
        assert out.read_bytes() == expected

    def test_a_full_disk_keeps_the_complete_blocks_and_names_resume(self, tmp_path, monkeypatch):
        write_table(clinic(), tmp_path / "clinic.csv")
        cut_short(monkeypatch, 3, NO_SPACE)
        with pytest.raises(UnusableInputError) as refusal:
            self.predict(tmp_path, tmp_path / "out.csv", chunk_rows=30)
        assert str(refusal.value) == (
            f"{tmp_path / 'out.csv'}: cannot be written (No space left on device); 90 rows are kept, "
            "continue with --resume"
        )
        assert not (tmp_path / "out.csv").exists()
        monkeypatch.undo()
        assert self.predict(tmp_path, tmp_path / "out.csv", resume=True).n_resumed == 90

    def test_a_full_disk_at_the_first_block_leaves_nothing(self, tmp_path, monkeypatch):
        write_table(clinic(), tmp_path / "clinic.csv")
        cut_short(monkeypatch, 0, NO_SPACE)
        with pytest.raises(UnusableInputError, match=r"out.csv: cannot be written \(No space left on device\)$"):
            self.predict(tmp_path, tmp_path / "out.csv")
        assert [file.name for file in tmp_path.iterdir()] == ["clinic.csv"]

    def test_a_full_disk_for_temporary_files_leaves_nothing(self, tmp_path, monkeypatch):
        """Decompression and identifiers need temporary files beside the output."""
        write_table(clinic(), tmp_path / "clinic.csv")

        def fail(file, block):
            raise NO_SPACE

        for module in (plain_files, identifiers):
            with monkeypatch.context() as patch:
                patch.setattr(module, "write_all", fail)
                (tmp_path / "clinic.csv.gz").write_bytes(gzip.compress((tmp_path / "clinic.csv").read_bytes()))
                with pytest.raises(UnusableInputError, match=r"temporary file in .* cannot be written \(No space left"):
                    predict_file(fitted_classifier(), tmp_path / "clinic.csv.gz", tmp_path / "out.csv")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["clinic.csv", "clinic.csv.gz"]

    @pytest.mark.parametrize("full", ["/dev/full"])
    def test_a_full_device_is_reported(self, tmp_path, full):
        if not Path(full).exists():
            pytest.skip("no such device here")
        write_table(clinic(), tmp_path / "clinic.csv")
        with pytest.raises(UnusableInputError, match="/dev/full: cannot be written"):
            self.predict(tmp_path, full)

    @pytest.mark.parametrize(
        ("change", "difference"),
        [
            ({"explain": "factors"}, "another --explain"),
            ({"model": 4}, "another model"),
            ({"touch": True}, "another input"),
        ],
    )
    def test_resume_refuses_another_input_model_or_option(self, tmp_path, change, difference):
        write_table(clinic(), tmp_path / "clinic.csv")
        self.cut_after(2, tmp_path, tmp_path / "out.csv", chunk_rows=30)
        change = dict(change)
        if change.pop("touch", False):
            table = clinic()
            table.loc[0, "age_years"] += 1
            write_table(table, tmp_path / "clinic.csv")
        model = fitted_classifier(change.pop("model", 2))
        with pytest.raises(UnusableInputError, match=f"made with {difference}; run without --resume to start again"):
            self.predict(tmp_path, tmp_path / "out.csv", resume=True, model=model, **change)
        assert self.predict(tmp_path, tmp_path / "out.csv", model=model, **change).n_resumed == 0
        assert not list(tmp_path.glob("*.part*"))

    @pytest.mark.parametrize(
        "other",
        ['decimal = ","', 'missing = ["900"]', 'ignore = ["sex"]', '[columns.feno_ppb]\nmissing = ["900"]'],
    )
    def test_resume_refuses_another_column_map(self, tmp_path, other):
        write_table(clinic(), tmp_path / "clinic.csv")
        (tmp_path / "map.toml").write_text('missing = ["."]')
        self.cut_after(2, tmp_path, tmp_path / "out.csv", chunk_rows=30, columns=tmp_path / "map.toml")
        (tmp_path / "map.toml").write_text(other)
        with pytest.raises(
            UnusableInputError, match="made with another column map; run without --resume to start again"
        ):
            self.predict(tmp_path, tmp_path / "out.csv", resume=True, columns=tmp_path / "map.toml")

    def test_a_changed_part_file_is_predicted_again_from_the_first_row(self, tmp_path):
        write_table(clinic(), tmp_path / "clinic.csv")
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "none")
        self.cut_after(2, tmp_path, tmp_path / "out.csv", chunk_rows=30)
        part = tmp_path / "out.csv.part"
        part.write_bytes(part.read_bytes().replace(b"male", b"mole"))
        predicted = self.predict(tmp_path, tmp_path / "out.csv", resume=True)
        assert (predicted.n_resumed, predicted.n_patients) == (0, 230)
        assert predicted.warnings[0].endswith("was changed; nothing of it was used, and all rows were predicted again")
        assert (tmp_path / "out.csv").read_bytes() == expected

    def test_resume_without_an_interrupted_run_starts_from_the_first_row(self, tmp_path):
        write_table(clinic(), tmp_path / "clinic.csv")
        assert self.predict(tmp_path, tmp_path / "out.csv", resume=True).n_resumed == 0

    def test_two_runs_cannot_write_the_same_file(self, tmp_path):
        pytest.importorskip("fcntl")
        write_table(clinic(), tmp_path / "clinic.csv")
        with part_files.PartFile(tmp_path / "out.csv", {}) as other:
            other.append(b"rows", 1)
            with pytest.raises(UnusableInputError, match="another run is writing it"):
                self.predict(tmp_path, tmp_path / "out.csv")

    def cut_after(self, n_blocks, folder, out, **how):
        with pytest.MonkeyPatch.context() as patch:
            cut_short(patch, n_blocks, Cut())
            with pytest.raises(Cut):
                self.predict(folder, out, **how)

    def predict(self, folder, out, model=None, explain="none", **how):
        return predict_file(model or fitted_classifier(), folder / "clinic.csv", out, explain=explain, **how)


class TestProcesses:
    """The command in a process of its own, killed or interrupted from outside."""

    @pytest.fixture
    def call(self, tmp_path):
        X, _ = synthetic_patients(3000, seed=8)
        X.insert(0, "patient_id", [f"{i:05d}" for i in range(len(X))])
        write_table(X, tmp_path / "clinic.csv")
        save_model(small_model(), tmp_path / "model.aml")
        options = ["--model", tmp_path / "model.aml", "--explain", "none", "--chunk-rows", "20"]
        return [sys.executable, "-m", "asthma_ml", "predict", tmp_path / "clinic.csv", *map(str, options)]

    def started(self, call, out, *options):
        process = subprocess.Popen([*call, "-o", str(out), *options], stderr=subprocess.PIPE, text=True)
        journal = Path(f"{out}.part.json")
        while process.poll() is None and not journal.exists():
            time.sleep(0.002)
        return process

    def test_a_run_that_is_killed_twice_can_be_resumed(self, tmp_path, call):
        out = tmp_path / "out.csv"
        expected = in_memory(tmp_path / "clinic.csv", tmp_path / "expected.csv", "none", small_model())
        rows = []
        for attempt in range(2):
            process = self.started(call, out, *(["--resume"] if attempt else []))
            time.sleep(0.05)
            process.kill()
            process.communicate()
            with contextlib.suppress(FileNotFoundError):
                rows.append(json.loads(Path(f"{out}.part.json").read_text())["rows"])
            assert not out.exists() or out.read_bytes() == expected
        assert rows == sorted(rows)
        finished = subprocess.run([*call, "-o", out, "--resume"], capture_output=True, text=True, check=True)
        assert "3000 patients" in finished.stderr
        assert out.read_bytes() == expected
        assert not list(tmp_path.glob("*.part*"))

    @pytest.mark.skipif(os.name == "nt", reason="signals are another matter there")
    def test_an_interrupted_run_names_resume(self, tmp_path, call):
        out = tmp_path / "out.csv"
        process = self.started(call, out)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
        assert process.returncode == 130
        assert stderr.splitlines()[-1] == "interrupted"
        assert "rows are kept, continue with --resume" in stderr
        assert "Traceback" not in stderr
        assert not out.exists()
