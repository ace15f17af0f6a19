"""Risk alleles of immune regulation, drug metabolism and airway structure, in Hardy-Weinberg.

Genetic effects are weak: no single variant explains more than one or two per cent of the response to
corticosteroids, all together not more than seven. The effect of each allele is part of the
mechanism that it acts on. European frequencies are those of the evidence table, assumed where the
table recalls them; the others are assumed until a tabulated source replaces them.
"""

from asthma_ml.cohort.engine.distributions import Binomial, by_level
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


def _alleles(ancestry, european, african, east_asian, other):
    """Two draws of an allele whose frequency depends on ancestry (0, 1 or 2 alleles)."""
    frequency = by_level(ancestry, european=european, african=african, east_asian=east_asian, other=other)
    return Binomial(2, frequency)


@structural_equation
def glcci1_rs37973(
    ancestry,
    *,
    european=Coefficient(0.42, "frequency", source="GEN036"),
    african=Coefficient(0.35, "frequency"),
    east_asian=Coefficient(0.5, "frequency"),
    other=Coefficient(0.42, "frequency"),
):
    """GLCCI1 rs37973 G alleles: weaker lung-function response to inhaled steroid (replication mixed)."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def crhr1_rs242941(
    ancestry,
    *,
    european=Coefficient(0.3, "frequency", source="GEN030", evidence="measured"),
    african=Coefficient(0.2, "frequency"),
    east_asian=Coefficient(0.4, "frequency"),
    other=Coefficient(0.3, "frequency"),
):
    """CRHR1 rs242941 T alleles: steroid response in some trials, null in adults."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def fcer2_rs28364072(
    ancestry,
    *,
    european=Coefficient(0.296, "frequency", source="GEN013", evidence="measured"),
    african=Coefficient(0.2, "frequency"),
    east_asian=Coefficient(0.15, "frequency"),
    other=Coefficient(0.27, "frequency"),
):
    """FCER2 rs28364072 C alleles: exacerbations despite inhaled steroid."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def hsd3b1_rs1047303(
    ancestry,
    *,
    european=Coefficient(0.67, "frequency", source="GEN039"),
    african=Coefficient(0.93, "frequency"),
    east_asian=Coefficient(0.92, "frequency"),
    other=Coefficient(0.75, "frequency"),
):
    """HSD3B1 rs1047303 A alleles (adrenal-restrictive): matter under oral steroid only."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def cyp3a4_rs35599367(
    ancestry,
    *,
    european=Coefficient(0.05, "frequency", source="GEN037"),
    african=Coefficient(0.001, "frequency"),
    east_asian=Coefficient(0.0, "frequency"),
    other=Coefficient(0.03, "frequency"),
):
    """CYP3A4*22 rs35599367 A alleles: slower clearance of inhaled steroid, if anything a better response."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def adrb2_rs1042713(
    ancestry,
    *,
    european=Coefficient(0.38, "frequency", source="GEN032"),
    african=Coefficient(0.5, "frequency"),
    east_asian=Coefficient(0.56, "frequency"),
    other=Coefficient(0.42, "frequency"),
):
    """ADRB2 rs1042713 A (Arg16) alleles: more exacerbations on regular long-acting beta agonist."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def il4ra_rs1801275(
    ancestry,
    *,
    european=Coefficient(0.21, "frequency", source="GEN033"),
    african=Coefficient(0.7, "frequency"),
    east_asian=Coefficient(0.16, "frequency"),
    other=Coefficient(0.28, "frequency"),
):
    """IL4RA rs1801275 G (Arg576) alleles: stronger IL-4 and IL-13 signalling."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def il13_rs20541(
    ancestry,
    *,
    european=Coefficient(0.2, "frequency", source="GEN034"),
    african=Coefficient(0.18, "frequency"),
    east_asian=Coefficient(0.31, "frequency"),
    other=Coefficient(0.22, "frequency"),
):
    """IL13 rs20541 A (Gln130) alleles: more IL-13."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def gsdmb_rs7216389(
    ancestry,
    *,
    european=Coefficient(0.5, "frequency", source="GEN035"),
    african=Coefficient(0.8, "frequency"),
    east_asian=Coefficient(0.72, "frequency"),
    other=Coefficient(0.58, "frequency"),
):
    """GSDMB 17q21 rs7216389 T alleles: asthma that begins in childhood."""
    return _alleles(ancestry, european, african, east_asian, other)


@structural_equation
def tgfb1_rs1800469(
    ancestry,
    *,
    european=Coefficient(0.31, "frequency", source="GEN040"),
    african=Coefficient(0.23, "frequency"),
    east_asian=Coefficient(0.52, "frequency"),
    other=Coefficient(0.34, "frequency"),
):
    """TGFB1 rs1800469 T (-509T) alleles: fibrosis of the airway wall."""
    return _alleles(ancestry, european, african, east_asian, other)
