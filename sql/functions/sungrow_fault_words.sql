-- The words that report faults: which codes their bits have in the app, and how grave they are. A function, because
-- views are made in the order of their names, and sungrow_fault_episodes needs this.
CREATE OR REPLACE FUNCTION sungrow_fault_words()
RETURNS TABLE (word integer, name text, low integer, high integer, severity text) LANGUAGE sql IMMUTABLE AS $$
    VALUES (13050, 'inverter_alarm',            70, 500, 'warning'),
           (13052, 'grid_side_fault',            2, 100, 'fault'),
           (13054, 'system_fault_1',           300, 316, 'fault'),
           (13056, 'system_fault_2',            36,  52, 'fault'),
           (13058, 'dc_side_fault',             19, 200, 'fault'),
           (13060, 'permanent_fault',          401, 417, 'permanent'),
           (13062, 'bdc_side_fault',           600, 616, 'fault'),
           (13064, 'bdc_side_permanent_fault', 800, 816, 'permanent'),
           (13066, 'battery_fault',            700, 716, 'fault'),
           (13068, 'battery_alarm',            900, 916, 'warning'),
           (13070, 'bms_alarm',                932, 948, 'warning'),
           (13072, 'bms_protection',           732, 748, 'fault'),
           (13074, 'bms_fault_1',              832, 848, 'fault'),
           (13076, 'bms_fault_2',              864, 880, 'fault'),
           (13078, 'bms_alarm_2',              964, 980, 'warning')
$$;
COMMENT ON FUNCTION sungrow_fault_words IS 'The fault words of the inverter. The code of a bit is low + bit, from bit 16 on high + bit - 16.';
