"""The synthetic cohort: a causal model of severe asthma, one file for each documented mechanism."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
