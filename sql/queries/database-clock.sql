-- Called by doctor/database, for doctor: the time of the database's machine.
SELECT clock_timestamp() AS now
