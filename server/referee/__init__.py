"""The referee: what the inverter's meter says, held against the utility's meter (P1).

============== ========================================================================
``judge``      all of it, day by day: two passes, since the shift has to be known first
``lag``        how much later the inverter's meter shows a step, and which way round it is
``edges``      the same by single clean edges, which is more exact
``pairs``      samples and P1 rows of one moment, after the shift, by quarter hours
``fit``        straight lines: gain, offset, drift
``phases``     which phases the inverter's meter sees, and how
``netting``    whether the utility's meter nets its phases
``energy``     counters of both sides, and the energy that the line does not explain
``clock``      the clock of the utility's meter
``verdict``    from all of that to the figures
``figures``    one figure of the answer, and why it may be missing
``resampling`` what the intervals are drawn from
``sentences``  the same in English
``rows``       one day of both meters, as all of them take it
``stored``     such days from the database: the one file here that is not pure
============== ========================================================================

An inverter sample pairs with the P1 row nearest to ``ts - lag``, so a positive lag means that the
inverter shows a change later. All times are seconds since 1970, UTC; all powers are W, positive =
importing. Nothing else here reads a clock or the database, and chance is the same each time.
"""
