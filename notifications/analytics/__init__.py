"""The log as Parquet: what happened, written once in batches by day, and read again for statistics.

`config/tasks.py` and `manage.py analytics` write and tidy; pages and commands of the apps above read. What the columns
mean is decided above and handed in as `Facts`; this room knows positions, files and where they lie.
"""
