"""Files and tables written atomically: text, bytes, CSV and Parquet, also in parts that a later run can resume."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
