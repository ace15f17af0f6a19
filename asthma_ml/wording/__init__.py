"""The only subpackage that writes prose about patients: words in ``sentences.toml``, functions that assemble them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
