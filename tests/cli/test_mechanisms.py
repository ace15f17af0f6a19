"""``mechanisms`` writes down how the cohort is made."""

from asthma_ml.cohort.mechanism_book import mechanism_book


def test_prints_the_document(run):
    result = run("mechanisms")
    assert result.exit_code == 0
    assert result.stdout == mechanism_book()


def test_draws_the_same_graph_each_time(run, tmp_path):
    pictures = []
    for number in (1, 2):
        drawn = tmp_path / f"{number}.svg", tmp_path / f"{number}_overview.svg"
        result = run("mechanisms", "-o", tmp_path / "m.md", "--graph", drawn[0], "--overview", drawn[1])
        assert result.exit_code == 0
        pictures.append([path.read_bytes() for path in drawn])
    assert pictures[0] == pictures[1]
    assert all(picture.startswith(b"<?xml") for picture in pictures[0])
    assert (tmp_path / "m.md").read_text(encoding="utf-8").startswith("# Mechanisms")


def test_refuses_a_picture_of_another_kind(run, tmp_path):
    result = run("mechanisms", "--graph", tmp_path / "graph.docx")
    assert result.exit_code == 2
    assert "should end in .png or .svg" in result.stderr
