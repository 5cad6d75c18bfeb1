"""The sequence of the short numbers that are called out in shops; it starts again after 9,999.

One sequence for all shops: a counter row per shop would make that shop's orders queue behind each other.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE orders_number_seq AS integer MINVALUE 1 MAXVALUE 9999 CYCLE",
            "DROP SEQUENCE orders_number_seq",
        )
    ]
