"""`import sparsearch` makes the backbones, hooks and built-in data known to mmdet, for exported and for own configs.

mmdet takes seconds to import, and most of what the command line does needs none of it. So registration waits until
mmdet is there: at once where mmcv or mmdet was imported before (the case of `custom_imports` in a config), otherwise in
the moment that somebody imports mmdet's models.
"""

import importlib.util
import sys

from sparsearch.registration import register, register_when_mmdet_arrives

__all__ = ["register"]

if "mmcv" in sys.modules or "mmdet" in sys.modules:
    if importlib.util.find_spec("mmdet") is not None:
        register()
else:
    register_when_mmdet_arrives()
