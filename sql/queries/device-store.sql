-- Called by ingest: the facts of a device, as its edge reports them once a connection. What the edge
-- does not know this time keeps its value, but has_meter and the like may be corrected.
INSERT INTO sungrow_devices AS d (device_id, serial, device_type_code, model, nominal_power_w, firmware,
                                  has_meter, has_battery, edge_version)
VALUES (%(device_id)s, %(serial)s, %(device_type_code)s, %(model)s, %(nominal_power_w)s, %(firmware)s,
        %(has_meter)s, %(has_battery)s, %(edge_version)s)
ON CONFLICT (device_id) DO UPDATE SET
    serial = coalesce(excluded.serial, d.serial),
    device_type_code = coalesce(excluded.device_type_code, d.device_type_code),
    model = coalesce(excluded.model, d.model),
    nominal_power_w = coalesce(excluded.nominal_power_w, d.nominal_power_w),
    firmware = coalesce(excluded.firmware, d.firmware),
    has_meter = coalesce(excluded.has_meter, d.has_meter),
    has_battery = coalesce(excluded.has_battery, d.has_battery),
    edge_version = coalesce(excluded.edge_version, d.edge_version),
    updated_at = now()
RETURNING sungrow_note_inverter(device_id, %(serial)s, %(since_ts)s)
