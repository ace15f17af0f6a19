"""Read tables of patients: map columns, convert units, check values and report problems."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
