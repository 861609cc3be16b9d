"""The one lock of all fakes and clocks: a fork waits until it is free, so that no child finds it held for ever."""

import os
import threading

LOCK = threading.RLock()

os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)
