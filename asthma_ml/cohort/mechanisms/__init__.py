"""Mechanisms of severe asthma as structural equations, one file per mechanism."""
