"""The driver: registers and one Modbus connection; knows neither spool nor server."""
