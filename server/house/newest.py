"""The newest sample as the house has it: grid and use by the grid meter, where that speaks."""

from edge_lib.shared.timestamps import format_ts
from server.database.pool import Row


def by_grid_meter(sample: Row) -> Row:
    """Return the sample with ``grid_source``: whose word its load and export are.

    Args:
        sample: of ``sql/queries/sample-newest.sql``; its ``p1_power_w`` (positive = importing) is
            null where no reading of the grid meter is at most a minute away.

    Returns:
        Where there is one, load and export by it, the inverter's own beside them under names of
        their own, and ``p1_ts``. House use is what the inverter delivers and what the meter lets
        in: null where the inverter does not tell the former.
    """
    sample = dict(sample)
    p1_ts, power_w = sample.pop("p1_ts"), sample.pop("p1_power_w")
    load_w, export_w = sample["load_power_w"], sample["export_power_w"]
    if p1_ts is None:
        speaks = load_w is not None or export_w is not None
        return sample | {"grid_source": "inverter" if speaks else None}
    inverter_w = sample["inverter_power_w"]
    return sample | {
        "load_power_w": None if inverter_w is None else inverter_w + power_w,
        "export_power_w": -power_w,
        "grid_source": "p1",
        "inverter_load_power_w": load_w,
        "inverter_export_power_w": export_w,
        "p1_ts": format_ts(p1_ts),
    }
