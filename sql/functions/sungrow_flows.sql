-- Where the power of one sample went, in W. What leaves the battery, the panels and the grid is
-- allocated in this order: import above the house's need charges the battery; solar charges it; solar
-- is exported; the battery is exported; the rest of the import charges the battery; then the house
-- takes solar, battery, grid. What the house took beyond all measured sources (meters disagree by some
-- tens of W) counts for the strongest source at hand, so that the house always equals its three parts.
-- loss is what the sources gave and nobody received; measuring errors can make it slightly negative.
CREATE OR REPLACE FUNCTION sungrow_flows(
    pv_power_w double precision, battery_power_w double precision,
    load_power_w double precision, export_power_w double precision)
RETURNS TABLE (
    solar_to_house_w double precision, solar_to_battery_w double precision,
    solar_to_grid_w double precision, battery_to_house_w double precision,
    battery_to_grid_w double precision, grid_to_house_w double precision,
    grid_to_battery_w double precision, loss_w double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- OFFSET 0 keeps the planner from copying each expression into the next.
    SELECT solar_to_house + CASE WHEN solar > 0 AND solar >= greatest(discharge, import)
                                 THEN short ELSE 0 END,
           solar_to_battery, solar_to_grid,
           battery_to_house + CASE WHEN discharge > solar AND discharge >= import
                                   THEN short ELSE 0 END,
           battery_to_grid,
           grid_to_house + CASE WHEN import > greatest(solar, discharge)
                                  OR greatest(solar, discharge) <= 0 THEN short ELSE 0 END,
           grid_to_battery,
           solar + discharge + import - house
               - solar_to_battery - solar_to_grid - battery_to_grid - grid_to_battery
      FROM (SELECT *, greatest(house - solar_to_house - battery_to_house - grid_to_house, 0) AS short
      FROM (SELECT *, least(import - grid_to_battery,
                            house - solar_to_house - battery_to_house) AS grid_to_house
      FROM (SELECT *, least(discharge - battery_to_grid, house - solar_to_house) AS battery_to_house
      FROM (SELECT *, least(discharge, export - solar_to_grid) AS battery_to_grid,
                   surplus_import + least(import - surplus_import,
                                          charge - surplus_import - solar_to_battery) AS grid_to_battery,
                   least(solar - solar_to_battery - solar_to_grid, house) AS solar_to_house
      FROM (SELECT *, least(solar - solar_to_battery, export) AS solar_to_grid
      FROM (SELECT *, least(solar, charge - surplus_import) AS solar_to_battery
      FROM (SELECT *, greatest(least(charge, import - house), 0) AS surplus_import
      FROM (SELECT greatest(pv_power_w, 0) AS solar, greatest(battery_power_w, 0) AS charge,
                   greatest(0, -battery_power_w) AS discharge, greatest(load_power_w, 0) AS house,
                   greatest(export_power_w, 0) AS export, greatest(0, -export_power_w) AS import
      OFFSET 0) a OFFSET 0) b OFFSET 0) c OFFSET 0) d OFFSET 0) e OFFSET 0) f OFFSET 0) g OFFSET 0) h
$$;
