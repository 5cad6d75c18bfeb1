"""Life through the public doors: customers, payers, shops and riders as programs; `manage.py simulate` runs them.

Nothing here touches the database: everything is said over HTTP to the product and to the gateway simulator, as
people and integrators would. It is the demo's traffic and the load of later measurements.
"""
