"""CRC-16/ARC, the check of a telegram: polynomial 0x8005 reflected, start 0, no last step.

Not ``binascii.crc_hqx``, whose polynomial is another one.
"""


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))


def crc16(data: bytes) -> int:
    """Return the check of these bytes; of a telegram, ``/`` to ``!`` inclusive."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
