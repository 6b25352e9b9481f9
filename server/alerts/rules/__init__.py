"""Every rule, in one list: of the server, and of each house. ``docs/alerts.md`` explains them."""

from server.alerts.rules import (
    battery,
    edge,
    faults,
    grid,
    hops,
    machine,
    promises,
    registers,
    solar,
    strings,
)

OF_SERVER = (*hops.OF_SERVER, *machine.OF_SERVER)
OF_HOUSE = (
    *hops.OF_HOUSE,
    *faults.OF_HOUSE,
    *grid.OF_HOUSE,
    *solar.OF_HOUSE,
    *strings.OF_HOUSE,
    *battery.OF_HOUSE,
    *registers.OF_HOUSE,
    *edge.OF_HOUSE,
    *promises.OF_HOUSE,
)
# Not in the lists, and switched off like the others: what the delivery itself tells, and how
# no_data knows a usual night.
DATABASE, CHANNEL = "database", "channel"
NIGHT_OFF = "night_off"
NAMES = (DATABASE, CHANNEL, NIGHT_OFF, *(rule.name for rule in (*OF_SERVER, *OF_HOUSE)))
