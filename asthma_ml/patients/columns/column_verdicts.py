"""Judge a numeric column as a whole: in the unit of its variable, in another unit, or not measurements at all.

The verdict compares how likely the values are in the unit of the dictionary and in each other scale. A single value
weighs little, so an extreme one does not decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asthma_ml.patients.columns.column_summary import ZERO, ColumnSummary, bin_edges
from asthma_ml.patients.columns.scales import (
    HARDLY_EVER,
    IN_SPUTUM,
    Array,
    Scale,
    converted_scale,
    gains,
    has_odd_whole_numbers,
    other_scales,
    right_log_likelihoods,
    right_scale,
    scale_names,
    spelling,
    swapped,
)
from asthma_ml.patients.problems import shown
from asthma_ml.variables import Variable, data_dictionary

# Log-likelihood ratio from which a column is refused, and from which it is only warned of.
_REFUSED, _ODD = 10.0, 6.0
# If most values are impossible in the unit of the dictionary, less evidence of another scale is enough.
_REFUSED_IF_IMPOSSIBLE = 4.0
# Scales of nearly the same likelihood are named together.
_AS_LIKELY = 2.0
_FEWEST = 3
_MOST_NAMED = 3
# Share of the values other than zero that must fit another scale better; codes are complete sets.
_MOST, _CODES = 0.5, 0.9
_FIRST_CODES = (1.0, 2.0)
_ALLELES, _FROM_ONE = Scale("right", "0 to 2"), Scale("categories", "codes from 1 to 3")
_ROW_NUMBERS, _RANKS = Scale("ranks", "numbers of the rows"), Scale("ranks", "ranks or percentiles")
_FEWEST_ROWS, _FEWEST_RANKS = 5, 15
_UNKNOWN = Scale("unknown", "another scale")
_FEWEST_ZEROS = 10
# Most eosinophils of patients in whom an antibody depletes them [cells/uL].
_FEW_CELLS = 10.0
# Columns in each other's place: log-likelihood ratio from which they are refused, and warned of.
_SWAPPED, _SWAPPED_PERHAPS = 20.0, 8.0
_ROUNDED = Scale("rounded", "categories or rounded values")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A column that does not look like its variable.

    Attributes
    ----------
    summary : ColumnSummary
        The column.
    right : Scale
        Scale of the dictionary.
    scales : tuple of Scale
        Likely scales, the likeliest first.
    nats : float
        Logarithm of the likelihood ratio (natural) of the likeliest scale and that of the dictionary.
    refused : bool
        Whether the table must not be used.
    """

    summary: ColumnSummary
    right: Scale
    scales: tuple[Scale, ...]
    nats: float
    refused: bool

    @property
    def name(self) -> str:
        """Variable of the column."""
        return self.summary.variable.name


def judge(summary: ColumnSummary) -> Verdict | None:
    """Return the verdict on a column that does not look like its variable, None if it does.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> eosinophils = data_dictionary()["blood_eosinophils_cells_ul"]
    >>> judge(ColumnSummary.of(eosinophils, np.array([310.0, 150.0, 620.0])))
    >>> verdict = judge(ColumnSummary.of(eosinophils, np.array([0.31, 0.15, 0.62, 2.04])))
    >>> [scale.name for scale in verdict.scales], verdict.refused
    (['10^9/L'], True)
    """
    right = right_scale(summary.variable)
    if right is None:
        return _of_alleles(summary)
    if not summary.n_nonzero:
        hardly_ever = right.zeros < HARDLY_EVER and summary.n >= _FEWEST_ZEROS
        return Verdict(summary, right, (_UNKNOWN,), 0.0, False) if hardly_ever else None
    if ranks := _ranks(summary):
        return Verdict(summary, right, (ranks,), 0.0, False)
    found = [*_likelier(summary, right), *filter(None, [converted_scale(right, summary)])]
    most = max((nats for _, nats in found), default=0.0)
    refused = _is_refused(summary, max((nats for scale, nats in found if _may_refuse(scale, right)), default=0.0))
    if not refused and most < _ODD:
        return Verdict(summary, right, (_ROUNDED,), 0.0, False) if has_odd_whole_numbers(summary) else None
    if refused or any(scale.kind != "unknown" and nats > most - _AS_LIKELY for scale, nats in found):
        found = [(scale, nats) for scale, nats in found if scale.kind != "unknown"]
        most = max(nats for _, nats in found)
    likely = sorted((pair for pair in found if pair[1] > most - _AS_LIKELY), key=lambda pair: -pair[1])
    return Verdict(summary, right, _different([scale for scale, _ in likely])[:_MOST_NAMED], most, refused)


def swapped_columns(summaries: Iterable[ColumnSummary]) -> dict[str, Verdict]:
    """Verdicts on columns that are likelier in each other's place than in any scale of their own, by variable.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> names = {"blood_eosinophils_cells_ul": [4100.0, 5600.0], "blood_neutrophils_cells_ul": [150.0, 310.0]}
    >>> found = swapped_columns(ColumnSummary.of(data_dictionary()[name], np.array(x)) for name, x in names.items())
    >>> {name: verdict.scales[0].name for name, verdict in found.items()}
    {'blood_eosinophils_cells_ul': 'blood_neutrophils_cells_ul',
     'blood_neutrophils_cells_ul': 'blood_eosinophils_cells_ul'}
    """
    found = {}
    pairs = combinations([each for each in summaries if each.n_nonzero], 2)
    for nats, pair in sorted(((swapped(*pair), pair) for pair in pairs), key=lambda each: -each[0]):
        if nats < _SWAPPED_PERHAPS or nats < sum(map(_own_nats, pair)):
            continue
        if not any(each.variable.name in found for each in pair):
            for own, other in (pair, pair[::-1]):
                scale, right = Scale("swapped", other.variable.name), right_scale(own.variable)
                if right:
                    found[own.variable.name] = Verdict(own, right, (scale,), nats, nats >= _SWAPPED)
    return found


def _own_nats(summary: ColumnSummary) -> float:
    """How much likelier a column is in another scale of its own variable."""
    verdict = judge(summary)
    return verdict.nats if verdict is not None and verdict.scales[0].kind != "unknown" else 0.0


def _likelier(summary: ColumnSummary, right: Scale) -> Iterator[tuple[Scale, float]]:
    """Yield the other scales that most values fit, and by how much their log-likelihood exceeds the right one."""
    bins = np.flatnonzero(summary.histogram)
    counts, of_right = summary.histogram[bins], right_log_likelihoods(right, summary, bins)
    so_spelt = spelling(right, summary)
    most_impossible = 2 * summary.n_impossible > summary.n_nonzero
    for scale in other_scales(summary.variable.name):
        gained = gains(scale, right, summary, bins, of_right)
        if _most_fit(scale, right, gained, bins, counts):
            # If most values are impossible, the others are the odd ones.
            gained = np.maximum(gained, 0.0) if most_impossible else gained
            yield scale, float(gained @ counts) + spelling(scale, summary) - so_spelt


def _ranks(summary: ColumnSummary) -> Scale | None:
    """Numbers that are as even as only those of rows and ranks are."""
    if summary.n >= _FEWEST_ROWS and summary.counts_rows():
        return _ROW_NUMBERS
    return _RANKS if summary.n >= _FEWEST_RANKS and any(map(summary.is_even, (1.0, 100.0))) else None


def _of_alleles(summary: ColumnSummary) -> Verdict | None:
    """Verdict on a number of alleles that is written as 1 to 3 instead of 0 to 2."""
    lower, _ = bin_edges()
    n_threes = int(summary.histogram[lower == 3].sum())
    of_alleles = summary.variable.limits is not None and summary.variable.limits[1] == 2
    if not of_alleles or not n_threes or summary.histogram[ZERO]:
        return None
    return Verdict(summary, _ALLELES, (_FROM_ONE,), 0.0, summary.n >= _FEWEST)


def _most_fit(scale: Scale, right: Scale, gained: Array, bins: NDArray[np.intp], counts: NDArray[np.int64]) -> bool:
    """Whether most values other than zero fit the scale better than that of the dictionary, or are codes."""
    if scale.kind == "z-scores":
        return bool(counts[bins < ZERO].any())
    nonzero = counts if right.zeros == 0 else counts * (bins != ZERO)
    if scale.is_of_codes:
        starts = np.isin(bin_edges()[0][bins], _FIRST_CODES) & (nonzero > 0)
        return bool(starts.any() and (nonzero * scale.has_code(bins)).sum() > _CODES * nonzero.sum())
    return bool((nonzero * (gained > 0)).sum() > _MOST * nonzero.sum())


def _may_refuse(scale: Scale, right: Scale) -> bool:
    """Whether a scale is known, and no codes that may be values of the variable itself."""
    is_code = scale.is_of_codes and right.values[2] < scale.n_codes and right.zeros > 0
    return scale.kind != "unknown" and not is_code


def _is_refused(summary: ColumnSummary, nats: float) -> bool:
    if _may_be_depleted(summary):
        return False
    if 2 * summary.n_impossible > summary.n_nonzero and nats >= _REFUSED_IF_IMPOSSIBLE:
        return True
    return summary.n >= _FEWEST and nats >= _REFUSED and summary.variable.kind != "count"


def _may_be_depleted(summary: ColumnSummary) -> bool:
    """Whether counts may be those of few cells, such as eosinophils under an IL-5 antibody: whole, zeros, below 10."""
    whole = summary.histogram[ZERO] > 0 and summary.n_whole == summary.n_nonzero
    return bool(whole and "leukocytes" in summary.variable.companions and summary.highest <= _FEW_CELLS)


def _different(scales: list[Scale]) -> tuple[Scale, ...]:
    """Scales without other names of the same factor."""
    by_values = {scale.values.tobytes() + scale.kind.encode(): scale for scale in reversed(scales)}
    return tuple(scale for scale in scales if scale in by_values.values())


def likely_scale(name: str, values: NDArray[np.float64]) -> str:
    """Measured scale in which a variable evidently is, empty if that may be the scale of the dictionary.

    Codes and columns of one value are left out: an intervention may set a variable to few values.

    Examples
    --------
    >>> likely_scale("feno_ppb", np.array([0.038, 0.022, 0.055, 0.015, 0.041]))
    'ppm'
    """
    variable = data_dictionary().get(name)
    constant = len(values) > 1 and bool(np.all(values == values[0]))
    if variable is None or variable.kind not in ("number", "count") or constant:
        return ""
    verdict = judge(ColumnSummary.of(variable, values))
    is_other = verdict is not None and verdict.refused and not verdict.scales[0].is_of_codes
    return scale_names(verdict.scales) if verdict is not None and is_other else ""


def verdict_message(verdict: Verdict, source: str) -> str:
    """Message of a verdict: the likely scale, the evidence and the line of a column map that settles it.

    Parameters
    ----------
    verdict : Verdict
        The verdict.
    source : str
        Column of the table.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> verdict = judge(ColumnSummary.of(data_dictionary()["fev1_fvc_ratio"], np.array([62.0, 71.0, 66.0])))
    >>> print(verdict_message(verdict, "Tiffeneau").partition(" (such")[0])
    values look like %, not ratio
    """
    variable, usual = verdict.summary.variable, verdict.right.values
    usually = f"{_short(usual[2])} to {_short(usual[-3])}" if usual.size else verdict.right.name
    return (
        f"values look like {scale_names(verdict.scales)}, not {variable.unit} (such as "
        f"{_listed(verdict.summary.typical())}; "
        f"usually {usually}); {_way_out(verdict.scales[0], variable, source)}"
    )


def _way_out(scale: Scale, variable: Variable, source: str) -> str:
    where = f"under [columns.{variable.name}] in MAP.toml"
    left_out = f'leave the column out by `ignore = ["{shown(source)[1:-1]}"]`'
    right = f'(`unit = "{variable.unit}"` if the values are correct)'
    if scale.kind == "unit":
        return f'multiply them by {variable.units[scale.name]:g} or state `unit = "{scale.name}"` {where} {right}'
    if scale.kind == "companion":
        needed = ", ".join(f'{name} = "COLUMN"' for name, unit in variable.companions.items() if unit == scale.name)
        return f'state `unit = "{scale.name}"` and `with = {{ {needed} }}` {where} {right}'
    if scale.kind in ("flag", "categories", "rounded"):
        return f'map each code to a value by `levels = {{ "1" = VALUE }}` {where} or {left_out} {right}'
    if scale.kind == "swapped":
        return f"are the two columns swapped? If so, swap their headers or `from` {where} {right}"
    if scale.kind == "sputum":
        return f'state `from = "{shown(source)[1:-1]}"` under [columns.{IN_SPUTUM[variable.name]}] in MAP.toml {right}'
    return f"convert them to {variable.unit} or {left_out} {right}"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(dict.fromkeys(f"{value:.12g}" for value in values))


def _short(value: float) -> str:
    """A value with two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):.12g}"
