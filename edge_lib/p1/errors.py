"""What a meter, or the way to it, does to a reader."""


class P1Error(Exception):
    """This time nothing could be read of the meter; the next time it may go.

    ``reason`` is a short word for counting: unreachable, reset (it hung up), refused (another
    reader holds it), timeout, silent (a line without a telegram), bad_crc, no_crc, encrypted,
    unauthorised, not_enabled, certificate, http_N, mismatch (what answers is not a meter), device
    (the serial port), stopped, or locked where another command of this machine reads it. The text
    names the cause; what to do about it is ``advice.sentence``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
