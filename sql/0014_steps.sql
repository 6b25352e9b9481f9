-- Voltages, currents, temperatures and their like move in few steps: of a thousand readings in a row, some
-- ten to a hundred differ. TimescaleDB's columnstore packs a double precision by the bits in which it differs
-- from the one before, and a tenth has no end in binary: six bytes for each 230.1 after a 230.2. A type that
-- it does not know it keeps as a list of the values that occur, and a number of some bits for each reading.
-- So these columns have a type of another name, which is double precision in everything else; and a sample
-- takes two fifths less in the columnstore. Not those that views stand on, nor inverter_power_w, which hardly
-- repeats itself. On the other editions it changes nothing, until --to-timescaledb brings a columnstore.
CREATE DOMAIN sungrow_steps AS double precision;
COMMENT ON DOMAIN sungrow_steps IS 'double precision; by this name the columnstore keeps each value that occurs once.';

-- No row is written anew. Where chunks are packed already TimescaleDB refuses, and all stays as it is, which is
-- as good but for the room. To have that too: stop the server, SELECT decompress_chunk(show_chunks('sungrow_samples')),
-- with room for all of them, then this ALTER TABLE by hand; the policy packs them again.
DO $$
BEGIN
    ALTER TABLE sungrow_samples
        ALTER COLUMN battery_temp_c TYPE sungrow_steps,
        ALTER COLUMN mppt1_voltage_v TYPE sungrow_steps,
        ALTER COLUMN mppt1_current_a TYPE sungrow_steps,
        ALTER COLUMN mppt2_voltage_v TYPE sungrow_steps,
        ALTER COLUMN mppt2_current_a TYPE sungrow_steps,
        ALTER COLUMN mppt3_voltage_v TYPE sungrow_steps,
        ALTER COLUMN mppt3_current_a TYPE sungrow_steps,
        ALTER COLUMN mppt4_voltage_v TYPE sungrow_steps,
        ALTER COLUMN mppt4_current_a TYPE sungrow_steps,
        ALTER COLUMN battery_voltage_v TYPE sungrow_steps,
        ALTER COLUMN battery_current_a TYPE sungrow_steps,
        ALTER COLUMN battery_soh_pct TYPE sungrow_steps,
        ALTER COLUMN grid_power_w TYPE sungrow_steps,
        ALTER COLUMN inverter_temp_c TYPE sungrow_steps,
        ALTER COLUMN grid_frequency_hz TYPE sungrow_steps,
        ALTER COLUMN grid_voltage_v TYPE sungrow_steps;
EXCEPTION WHEN feature_not_supported THEN
    RAISE WARNING 'sungrow_samples keeps its types, since chunks of it are packed: see sql/0014_steps.sql';
END
$$;
