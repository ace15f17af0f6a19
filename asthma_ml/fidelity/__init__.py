"""Comparison of the generated cohorts with published figures and real patients, and its sensitivity analysis."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
