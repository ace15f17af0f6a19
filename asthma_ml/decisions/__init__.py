"""When the model reports a class and when it abstains, what to check first, what may mask Th2 inflammation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
