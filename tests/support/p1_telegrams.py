"""Telegrams of grid meters, written from the facts of the standards; and a CRC of its own."""

from collections.abc import Iterable, Mapping


def crc_by_bits(data: bytes) -> int:
    """Return CRC-16/ARC, bit by bit on the unreflected polynomial: not as the edge does."""
    register = 0
    for byte in data:
        for bit in range(8):
            incoming = (byte >> bit) & 1
            outgoing = register >> 15
            register = (register << 1) & 0xFFFF
            if incoming ^ outgoing:
                register ^= 0x8005
    return int(f"{register:016b}"[::-1], 2)


def telegram(
    lines: Iterable[str], header: str = "TST5\\2EDGE-1", crc: str | None = "{:04X}"
) -> bytes:
    """Return a telegram; ``crc`` is how its check is written, None: not at all."""
    body = "\r\n".join([f"/{header}", "", *lines, "!"]).encode("latin-1")
    return body + (crc.format(crc_by_bits(body)).encode() if crc else b"") + b"\r\n"


def changed(lines: Mapping[str, str], **by_name: str | None) -> list[str]:
    """Return a meter's lines with some replaced, by their names; None leaves one out."""
    assert by_name.keys() <= lines.keys()
    return [line for line in {**lines, **by_name}.values() if line is not None]


DSMR5 = {
    "version": "1-3:0.2.8(50)",
    "clock": "0-0:1.0.0(261128181530W)",
    "id": "0-0:96.1.1(4530303437303030303132333435363738)",
    "import_t1": "1-0:1.8.1(004711.123*kWh)",
    "import_t2": "1-0:1.8.2(005813.456*kWh)",
    "export_t1": "1-0:2.8.1(001234.567*kWh)",
    "export_t2": "1-0:2.8.2(002345.678*kWh)",
    "tariff": "0-0:96.14.0(0002)",
    "import": "1-0:1.7.0(00.000*kW)",
    "export": "1-0:2.7.0(00.204*kW)",
    "failures": "0-0:96.7.21(00004)",
    "log": "1-0:99.97.0(1)(0-0:96.7.19)(240101120000W)(0000000240*s)",
    "sags": "1-0:32.32.0(00001)",
    "text": "0-0:96.13.0()",
    "l1_v": "1-0:32.7.0(234.1*V)",
    "l2_v": "1-0:52.7.0(231.9*V)",
    "l3_v": "1-0:72.7.0(229.6*V)",
    "l1_a": "1-0:31.7.0(002*A)",
    "l2_a": "1-0:51.7.0(001*A)",
    "l3_a": "1-0:71.7.0(000*A)",
    "l1_in": "1-0:21.7.0(00.000*kW)",
    "l2_in": "1-0:41.7.0(00.177*kW)",
    "l3_in": "1-0:61.7.0(00.110*kW)",
    "l1_out": "1-0:22.7.0(00.491*kW)",
    "l2_out": "1-0:42.7.0(00.000*kW)",
    "l3_out": "1-0:62.7.0(00.000*kW)",
    "gas_type": "0-1:24.1.0(003)",
    "gas_id": "0-1:96.1.0(4730303339303031363533303430323134)",
    "gas": "0-1:24.2.1(261128181000W)(03456.789*m3)",
}
DSMR4 = {
    "version": "1-3:0.2.8(42)",
    "clock": "0-0:1.0.0(260704120010S)",
    "id": "0-0:96.1.1(4B384547303034303436333935353037)",
    "import_t1": "1-0:1.8.1(001001.001*kWh)",
    "import_t2": "1-0:1.8.2(002002.002*kWh)",
    "export_t1": "1-0:2.8.1(000000.000*kWh)",
    "export_t2": "1-0:2.8.2(000000.000*kWh)",
    "tariff": "0-0:96.14.0(0001)",
    "import": "1-0:1.7.0(02.027*kW)",
    "export": "1-0:2.7.0(00.000*kW)",
    "threshold": "0-0:17.0.0(999.9*kW)",
    "switch": "0-0:96.3.10(1)",
    "l1_a": "1-0:31.7.0(009*A)",
    "l1_in": "1-0:21.7.0(02.027*kW)",
    "l1_out": "1-0:22.7.0(00.000*kW)",
    "gas_type": "0-1:24.1.0(003)",
    "gas_id": "0-1:96.1.0(4730303135353631323130313334353133)",
    "gas": "0-1:24.2.1(260704120000S)(00980.035*m3)",
    "valve": "0-1:24.4.0(1)",
}
# As DSMR 3 sends it: no clock, no CRC, the gas meter's value on a line of its own.
DSMR3 = {
    "id": "0-0:96.1.1(5A424556303035303730303834353037)",
    "import_t1": "1-0:1.8.1(12345.678*kWh)",
    "import_t2": "1-0:1.8.2(02345.111*kWh)",
    "export_t1": "1-0:2.8.1(00000.000*kWh)",
    "export_t2": "1-0:2.8.2(00010.500*kWh)",
    "tariff": "0-0:96.14.0(0001)",
    "import": "1-0:1.7.0(0000.98*kW)",
    "export": "1-0:2.7.0(0000.00*kW)",
    "threshold": "0-0:17.0.0(0999.00*kW)",
    "switch": "0-0:96.3.10(1)",
    "code": "0-0:96.13.1()",
    "text": "0-0:96.13.0()",
    "gas_type": "0-1:24.1.0(3)",
    "gas_id": "0-1:96.1.0(3238313031453631373038389930337131)",
    "gas": "0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)",
    "gas_value": "(00123.250)",
    "valve": "0-1:24.4.0(1)",
}
FLUVIUS = {
    "version": "0-0:96.1.4(50217)",
    "id": "0-0:96.1.1(3153414731313030303030323932)",
    "ean": "0-0:96.1.2(353431343430303030303030303030303031)",
    "clock": "0-0:1.0.0(261025023005W)",
    "import_t1": "1-0:1.8.1(000601.250*kWh)",
    "import_t2": "1-0:1.8.2(000855.125*kWh)",
    "export_t1": "1-0:2.8.1(000100.001*kWh)",
    "export_t2": "1-0:2.8.2(000040.002*kWh)",
    "tariff": "0-0:96.14.0(0001)",
    "demand": "1-0:1.4.0(02.351*kW)",
    "month_peak": "1-0:1.6.0(261009134500S)(02.589*kW)",
    "history": "0-0:98.1.0(3)(1-0:1.6.0)(1-0:1.6.0)"
    "(260801000000S)(260715181500S)(04.329*kW)"
    "(260901000000S)(260803194500S)(04.529*kW)"
    "(261001000000S)(260930070000S)(05.007*kW)",
    "import": "1-0:1.7.0(01.193*kW)",
    "export": "1-0:2.7.0(00.000*kW)",
    "l1_in": "1-0:21.7.0(01.193*kW)",
    "l1_out": "1-0:22.7.0(00.000*kW)",
    "l1_v": "1-0:32.7.0(235.8*V)",
    "l1_a": "1-0:31.7.0(005.19*A)",
    "breaker": "0-0:96.3.10(1)",
    "limit": "0-0:17.0.0(999.9*kW)",
    "fuse": "1-0:31.4.0(999*A)",
    "text": "0-0:96.13.0()",
    "gas_type": "0-1:24.1.0(003)",
    "gas_id": "0-1:96.1.1(37464C4F32313233303838303237)",
    "gas_valve": "0-1:24.4.0(1)",
    "gas": "0-1:24.2.3(261025022500W)(00112.384*m3)",
    "water_type": "0-2:24.1.0(007)",
    "water_id": "0-2:96.1.1(3853455430303030303230333035)",
    "water": "0-2:24.2.1(261025022455W)(00872.234*m3)",
}
METERS = {"5": DSMR5, "4": DSMR4, "3": DSMR3, "fluvius": FLUVIUS}


def whole(name: str) -> bytes:
    """Return a meter's telegram, undisturbed."""
    return telegram(METERS[name].values(), crc=None if name == "3" else "{:04X}")
