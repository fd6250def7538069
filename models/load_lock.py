"""One model is loaded at a time in a process.

While `transformers` loads a model it replaces methods of its own classes and functions of ``torch.nn.init``.
Two threads that load at the same time can leave them replaced: tied weights then stay without values, and
fresh layers without initial ones, in every model that is opened afterwards.
"""

import threading

LOAD_LOCK = threading.RLock()
"""Held while a model is loaded, or layers are added to one."""
