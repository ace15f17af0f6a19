"""Short HTML pages that notebooks show for a cohort, a table of patients, an explanation or a model card."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

RESEARCH_NOTE = "Research software, not a medical device. SHAP values explain the model, not the disease."
_ROWS, _COLUMNS, _LINES = 5, 9, 10
_WHOLE_FROM = 1000


def html_summary(title: str, facts: Mapping[str, object], table: pd.DataFrame | None = None) -> str:
    """Title, facts and the first rows of a table as HTML.

    Parameters
    ----------
    title : str
        Title, such as the short representation of the object.
    facts : mapping of str to object
        Names and values; empty values are left out.
    table : DataFrame, optional
        Table of which the first rows and columns are shown.

    Returns
    -------
    str
        HTML, with a note that this is research software.

    Examples
    --------
    >>> "<th>preset</th>" in html_summary("<2 patients>", {"preset": "a & b"})
    True
    """
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td style="text-align:left">{_cell(value)}</td></tr>'
        for name, value in facts.items()
        if value not in ("", None)
    )
    shown = "" if table is None else table.head(_ROWS).to_html(max_cols=_COLUMNS, border=0, float_format=_number)
    return (
        f"<div><p><strong>{escape(title)}</strong></p><table>{rows}</table>{shown}"
        f"<p><small>{RESEARCH_NOTE}</small></p></div>"
    )


def _cell(value: object) -> str:
    """First lines of a text as HTML."""
    lines = str(value).splitlines()
    rest = [f"and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
    return "<br>".join(escape(line) for line in [*lines[:_LINES], *rest])


def _number(value: float) -> str:
    """Three significant digits, or a whole number from 1,000 on."""
    return f"{value:.3g}" if abs(value) < _WHOLE_FROM else f"{value:.0f}"
