"""Each branch of the tolerance rule, checked by hand calculation."""

import math

import numpy as np
import pytest

from asthma_ml.fidelity.published_figures import published_recipes
from asthma_ml.fidelity.statistics import STATISTICS
from asthma_ml.fidelity.tolerance import (
    EXACERBATION_DISPERSION,
    SAMPLING_INTERVALS,
    Figure,
    own_tolerance,
    published_tolerance,
)

NOTHING = float("nan")


def bounds(recipe, value, n=NOTHING, lower=NOTHING, upper=NOTHING, quantity="figure"):
    row = {"value": value, "n": n, "lower": lower, "upper": upper, "quantity": quantity}
    return own_tolerance(Figure(row, recipe))[:2]


def test_published_confidence_interval_is_the_tolerance_regardless_of_n():
    assert bounds({"auc": "x", "of": "y"}, 0.89, n=336, lower=0.85, upper=0.93) == (0.85, 0.93)


@pytest.mark.parametrize("text", ["age, mean (bounds = mean +/- SD 2)", "age, median (IQR)", "IgE quartile cut-points"])
def test_spread_between_patients_is_not_an_interval(text):
    lower, upper = bounds({"mean": "x"}, 50, n=100, lower=48, upper=52, quantity=text)
    assert 49 < lower < 50 < upper < 51


def test_range_between_cohorts_is_an_interval():
    """Severe asthma in 3.5 % to 5.4 % of three Nordic countries (COH090)."""
    assert bounds({"percentage": "x"}, 3.5, n=598_242, lower=3.5, upper=5.4, quantity="severe, range") == (3.5, 5.4)


def test_sampling_error_of_a_percentage_is_the_wilson_interval():
    """20 of 100: Wilson gives 13.3 % to 28.9 %."""
    assert bounds({"percentage": "x"}, 20, n=100) == pytest.approx((13.34, 28.88), abs=0.01)


def test_wilson_interval_of_zero_in_94_patients_has_positive_width():
    """0 of 94: z2 / (n + z2) = 3.84 / 97.84."""
    assert bounds({"percentage": "x"}, 0, n=94) == pytest.approx((0.0, 100 * 3.8416 / 97.8416), abs=1e-6)


def test_allele_frequency_counts_two_alleles_per_patient():
    """0.3 of 1,006 alleles: 0.3 +/- 1.96 x sqrt(0.21 / 1006) = 0.028."""
    lower, upper = bounds({"frequency": "x"}, 0.3, n=503)
    assert (upper - lower) / 2 == pytest.approx(1.96 * math.sqrt(0.21 / 1006), rel=0.01)


def test_standard_error_of_a_mean_is_sd_over_root_n():
    """SD 14 in 196 patients: one standard error is 1."""
    assert bounds({"mean": "x"}, 55, n=196, quantity="age, mean (SD 14)") == pytest.approx((53.04, 56.96))


def test_interval_of_a_median_is_wider_than_of_a_mean():
    """Quartiles 6.745 on either side are those of SD 10; 100 patients; sqrt(pi / 2) = 1.2533."""
    lower, upper = bounds({"median": "x"}, 50, n=100, lower=43.255, upper=56.745, quantity="FEV1, median (IQR)")
    assert (upper - lower) / 2 == pytest.approx(1.96 * 1.2533, abs=0.001)


def test_iqr_width_gives_the_same_interval_as_quartiles():
    lower, upper = bounds({"median": "x"}, 50, n=100, quantity="FEV1, median (IQR width 13.49)")
    assert (upper - lower) / 2 == pytest.approx(1.96 * 1.2533, abs=0.001)


def test_log_sd_gives_an_interval_on_the_log_scale():
    """Spread 0.8 on the log scale, 64 patients: a standard error of 10 %."""
    lower, upper = bounds({"geometric_mean": "x", "log_sd": 0.8}, 30, n=64)
    assert (lower, upper) == pytest.approx((30 * math.exp(-0.196), 30 * math.exp(0.196)))


def test_correlation_uses_fishers_z():
    """r = 0.422 in 83: atanh 0.450 +/- 1.96 / sqrt(80)."""
    assert bounds({"correlation": ["x", "y"]}, 0.422, n=83) == pytest.approx((0.227, 0.584), abs=0.001)


def test_auc_uses_hanley_and_mcneil():
    """AUC 0.8 with 50 and 50: their standard error is 0.0447."""
    lower, upper = bounds({"auc": "x", "of": "y"}, 0.8, n=100)
    assert (upper - lower) / 2 == pytest.approx(1.96 * 0.0447, abs=0.0005)


def test_odds_ratio_has_an_interval_on_the_log_scale():
    """100 patients in four equal cells: sqrt(4 / 25) = 0.4."""
    lower, upper = bounds({"odds_ratio": ["x", "y"]}, 2.0, n=100)
    assert (lower, upper) == pytest.approx((2 * math.exp(-0.784), 2 * math.exp(0.784)))


def test_odds_have_an_interval_on_the_log_scale():
    """4 to 1 in 100: 80 and 20, sqrt(1/80 + 1/20) = 0.25."""
    assert bounds({"odds": "x"}, 4.0, n=100) == pytest.approx((4 * math.exp(-0.49), 4 * math.exp(0.49)))


def test_exacerbation_counts_are_overdispersed():
    """Mean 1 in 100 patients: variance 1 + 1 / 0.517 = 2.93, log error sqrt(0.0293)."""
    assert pytest.approx(0.517, abs=0.001) == EXACERBATION_DISPERSION
    lower, upper = bounds({"mean_count": "x"}, 1.0, n=100)
    assert (lower, upper) == pytest.approx((math.exp(-1.96 * 0.1711), math.exp(1.96 * 0.1711)), abs=0.001)


def test_rate_ratio_uses_the_error_of_both_arms():
    """Two arms of 500 with 0.84 exacerbations per year: log error sqrt(2 x 3.12 / 500) = 0.1117."""
    lower, upper = bounds({"ratio_of_means": ["x", "y"]}, 0.5, n=1000)
    assert (lower, upper) == pytest.approx((0.5 * math.exp(-0.219), 0.5 * math.exp(0.219)), abs=0.001)
    assert bounds({"reduction": ["x", "y"]}, 50, n=1000) == pytest.approx((100 - 100 * upper, 100 - 100 * lower))


def test_published_standard_error_takes_precedence_over_n():
    assert bounds({"mean": "x"}, 9.4, n=935, quantity="gain (SE 1.1)") == pytest.approx((7.244, 11.556))
    assert bounds({"mean": "x", "standard_error": 95}, 237, n=26) == pytest.approx((50.8, 423.2))


def test_published_direction_gives_a_half_line():
    assert bounds({"correlation": ["x", "y"], "below": 0}, NOTHING) == (-math.inf, 0)
    assert bounds({"odds_ratio": ["x", "y"], "above": 1}, NOTHING) == (1, math.inf)


def test_without_interval_n_or_spread_the_tolerance_has_no_width():
    lower, upper = bounds({"mean": "x"}, 3.0)
    assert lower == upper == 3.0
    assert bounds({"mean": "x"}, 3.0, n=50) == (3.0, 3.0)


def test_tolerance_of_a_group_is_the_span_of_its_cohorts():
    """Women: 57 % of 350 to 62.4 % of 2,225, each with its error."""
    both = published_tolerance("COH014")
    alone = [own for name in ("COH007", "COH014", "COH027") for own in (_alone(name),)]
    assert both.lower == min(low for low, _ in alone)
    assert both.upper == max(high for _, high in alone)
    assert published_tolerance("COH007") == both


def _alone(name):
    from asthma_ml.evidence import evidence_table

    row = evidence_table().loc[name].to_dict()
    return own_tolerance(Figure(row, published_recipes()[name]))[:2]


def test_tolerance_without_a_group_is_its_own_interval():
    """FeNO < 25 ppb in 43.8 % of 665."""
    allowed = published_tolerance("COH065")
    assert (allowed.upper - allowed.lower) / 2 == pytest.approx(1.96 * np.sqrt(43.8 * 56.2 / 665), abs=0.05)
    assert allowed.source == "sampling error of 665 patients"


def test_every_statistic_with_a_sampling_error_exists():
    assert set(SAMPLING_INTERVALS) <= set(STATISTICS)
