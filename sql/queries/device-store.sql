-- Called by database/parts: the facts of a device, as its edge reports them once a connection. What the edge does
-- not know this time keeps its value; but another serial is another inverter, of which nothing is known but
-- what is said now.
INSERT INTO sungrow_devices AS d (device_id, serial, device_type_code, model, nominal_power_w, firmware,
                                  has_meter, has_battery, battery_capacity_kwh, edge_version)
VALUES (%(device_id)s, nullif(%(serial)s, ''), %(device_type_code)s, %(model)s, %(nominal_power_w)s,
        %(firmware)s, %(has_meter)s, %(has_battery)s, %(battery_capacity_kwh)s, %(edge_version)s)
ON CONFLICT (device_id) DO UPDATE SET
    (serial, device_type_code, model, nominal_power_w, firmware, has_meter, has_battery, battery_capacity_kwh) = (
        SELECT coalesce(excluded.serial, d.serial), coalesce(excluded.device_type_code, d.device_type_code),
               coalesce(excluded.model, d.model), coalesce(excluded.nominal_power_w, d.nominal_power_w),
               coalesce(excluded.firmware, d.firmware), coalesce(excluded.has_meter, d.has_meter),
               coalesce(excluded.has_battery, d.has_battery),
               coalesce(excluded.battery_capacity_kwh, d.battery_capacity_kwh)
         WHERE (excluded.serial = d.serial) IS NOT FALSE
        UNION ALL
        SELECT excluded.serial, excluded.device_type_code, excluded.model, excluded.nominal_power_w,
               excluded.firmware, excluded.has_meter, excluded.has_battery, excluded.battery_capacity_kwh
         WHERE excluded.serial <> d.serial),
    edge_version = coalesce(excluded.edge_version, d.edge_version),
    updated_at = now()
RETURNING sungrow_note_inverter(device_id, %(serial)s, %(since_ts)s)
