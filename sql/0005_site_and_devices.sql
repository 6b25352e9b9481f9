-- What is known of the site and of each device: in whose zone its days are, which inverter stands behind it.

CREATE TABLE sungrow_site (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    timezone text NOT NULL DEFAULT 'UTC'
             CHECK (to_timestamp(0) AT TIME ZONE timezone IS NOT NULL) -- an unknown zone is an error
);
INSERT INTO sungrow_site DEFAULT VALUES;
COMMENT ON TABLE sungrow_site IS 'One row: the IANA zone of local days. Changed by server.migrate and server.rebuild only, since rollups hang on it.';
COMMENT ON COLUMN sungrow_site.only_row IS 'true: there is one row';
COMMENT ON COLUMN sungrow_site.timezone IS 'IANA zone of all devices that have none of their own';

CREATE TABLE sungrow_devices (
    device_id            text PRIMARY KEY,
    timezone             text CHECK (timezone IS NULL OR to_timestamp(0) AT TIME ZONE timezone IS NOT NULL),
    serial               text,
    device_type_code     integer,
    model                text,
    nominal_power_w      double precision,
    firmware             text,
    has_meter            boolean,
    has_battery          boolean,
    edge_version         text,
    updated_at           timestamptz NOT NULL DEFAULT now(),
    battery_capacity_kwh double precision
);
COMMENT ON TABLE sungrow_devices IS 'Facts of each device, as its edge last reported them.';
COMMENT ON COLUMN sungrow_devices.timezone IS 'IANA zone of this device where it is not the site''s';
COMMENT ON COLUMN sungrow_devices.device_id IS 'which device';
COMMENT ON COLUMN sungrow_devices.serial IS 'of the inverter';
COMMENT ON COLUMN sungrow_devices.device_type_code IS 'as its register gives it';
COMMENT ON COLUMN sungrow_devices.model IS 'by that code';
COMMENT ON COLUMN sungrow_devices.nominal_power_w IS 'W; of the inverter';
COMMENT ON COLUMN sungrow_devices.firmware IS 'of the inverter';
COMMENT ON COLUMN sungrow_devices.has_meter IS 'whether a grid meter has shown itself';
COMMENT ON COLUMN sungrow_devices.has_battery IS 'whether there is a battery';
COMMENT ON COLUMN sungrow_devices.edge_version IS 'of the edge''s programs';
COMMENT ON COLUMN sungrow_devices.updated_at IS 'when one of these facts last changed, or came first';
COMMENT ON COLUMN sungrow_devices.battery_capacity_kwh IS 'kWh; as the inverter says';

-- Which inverter stood behind a device, and from when on: a step from one to the next is no energy.
CREATE TABLE sungrow_inverters (
    device_id text NOT NULL,
    since     timestamptz NOT NULL,
    serial    text NOT NULL,
    PRIMARY KEY (device_id, since)
);
COMMENT ON TABLE sungrow_inverters IS 'The serials that a device has had; another one means that the inverter was replaced.';
COMMENT ON COLUMN sungrow_inverters.since IS 'first reading of it; -infinity: the first that is known';
COMMENT ON COLUMN sungrow_inverters.device_id IS 'which device';
COMMENT ON COLUMN sungrow_inverters.serial IS 'of the inverter';
