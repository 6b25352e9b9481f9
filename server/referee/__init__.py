"""The referee: what the inverter's meter says, held against the utility's meter (P1). Pure.

============= =========================================================================
``rows``      one day of both meters, as all the others take it
``lag``       how much later the inverter's meter shows a step, and which way round it is
``pairs``     samples and P1 rows of one moment, after the shift: by quarter hour, by phase
``fit``       straight lines, and the intervals of their figures
``phases``    which phases the inverter's meter sees, and how
``energy``    counters of both sides, and the energy that the line does not explain
``clock``     the clock of the utility's meter
``figures``   one figure of the answer, and why it may be missing
``judge``     all of it, day by day: two passes, since the shift has to be known first
``sentences`` the same in English
============= =========================================================================

An inverter sample pairs with the P1 row nearest to ``ts - lag``, so a positive lag means that the
inverter shows a change later. All times are seconds since 1970, UTC; all powers are W, positive =
importing. Nothing here reads a clock or the database, and chance is the same each time.
"""
