"""One talker a dongle: a second connection makes a dongle drop both."""

from edge_lib.address_lock import AddressLock


class DongleLock(AddressLock):
    """The lock of the dongle at ``host`` and ``port``; both as configured, not resolved."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__("dongle", f"{host.lower()}:{port}")
