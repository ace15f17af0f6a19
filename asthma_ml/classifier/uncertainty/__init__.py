"""Calibration, conformal prediction sets and Venn-Abers intervals."""
