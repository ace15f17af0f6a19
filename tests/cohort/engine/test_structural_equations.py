"""Structural equations and coefficients."""

import copy

import pytest

from asthma_ml.cohort.engine.distributions import Normal
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation
from asthma_ml.errors import CausalModelError


def test_coefficient_is_a_number_with_a_source():
    emax = Coefficient(0.44, "fraction", source="IMM067", evidence="measured")
    assert emax * 2 == 0.88
    again = copy.deepcopy(emax)
    assert (again, again.source, again.evidence, again.unit) == (0.44, "IMM067", "measured", "fraction")


def test_coefficient_without_a_source_is_assumed():
    assert Coefficient(1.0, "sd").evidence == "assumed"


def test_measured_coefficient_needs_a_source():
    with pytest.raises(ValueError, match="needs the id of its source"):
        Coefficient(1.0, "sd", evidence="measured")


def test_unknown_grade_of_evidence_is_refused():
    with pytest.raises(ValueError, match="measured, derived, assumed"):
        Coefficient(1.0, "sd", source="IMM067", evidence="guessed")


def test_signature_defines_the_equation():
    @structural_equation
    def response(dose, genes, *, gain=Coefficient(2.0, "ppb")):
        """Response [ppb]."""
        return Normal(gain * dose + genes, 1.0)

    assert response.name == "response"
    assert response.parents == ("dose", "genes")
    assert response.coefficients == {"gain": 2.0}
    assert response.title == "Response [ppb]."
    assert response(3.0, 1.0).mean == 7.0
    assert response(3.0, 1.0, gain=1.0).mean == 4.0


def test_argument_that_is_not_a_coefficient_is_refused():
    with pytest.raises(
        CausalModelError, match=r"test_structural_equations.py, line \d+, response: the argument `gain`"
    ):

        @structural_equation
        def response(dose, *, gain=2.0):
            return gain * dose
