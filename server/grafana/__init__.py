"""Dashboards, data source and alert rules for Grafana, which reads the database by its own role.

=============== ====================================================================
module          owns
=============== ====================================================================
``__main__``    ``python -m server.grafana``
``queries``     the files of ``sql/``: one for each panel, variable and alert rule
``panels``      what a panel is in Grafana's JSON; a field's unit by its suffix
``boards``      all dashboards; ``of_a_house`` and ``of_the_server`` have their panels
``layout``      what a dashboard is, and how its panels lie
``rules``       the alert rules
``provision``   role, data source and folder, for the server that is in use
=============== ====================================================================

Grafana reads JSON, in which a query is one long line. So the queries are kept as SQL, the panels in
Python, and ``python -m server.grafana write`` makes ``dashboards/*.json`` and ``alerting.json`` of
them, which are kept beside them for those who copy a folder and have no Python; a test compares.
Nothing here is imported by the app.
"""
