"""Slow down guessing of tokens: too many bad ones from one address get a 429 for a while.

Only bad tokens are counted and refused here, so a valid one is never locked out, whatever shares
its address. Each worker counts for itself.
"""

import threading
from collections import OrderedDict

WINDOW_S = 60.0
BAD_TOKENS = 20
_MAX_ADDRESSES = 10_000


class BadTokenLimiter:
    """Counts bad tokens by address in windows of a minute; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def retry_after_s(self, address: str, now_s: float) -> int | None:
        """Count one bad token; return the seconds to wait if there have been too many.

        Args:
            address: where it came from.
            now_s: monotonic time.
        """
        with self._lock:
            start, count = self._windows.pop(address, (now_s, 0))
            if now_s - start >= WINDOW_S:
                start, count = now_s, 0
            self._windows[address] = (start, count + 1)
            if len(self._windows) > _MAX_ADDRESSES:
                self._windows.popitem(last=False)
        if count < BAD_TOKENS:
            return None
        return max(1, round(start + WINDOW_S - now_s))
