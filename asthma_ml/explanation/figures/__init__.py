"""Figures of explanations, drawn without pyplot and without changing any global setting."""
