"""The house: what the inverter and the grid (P1) meter say together."""
