"""The triggers of `reminders_by_index` find their tables wherever they fire.

They name tables without a schema. A restore of data alone, as `pg_restore --data-only` does it, empties the
search path first, and they would stop it: from now on they bring along the path of this migration.
"""

from django.db import migrations

FORWARD = """
ALTER FUNCTION orders_reminder_of_cycle() SET search_path FROM CURRENT;
ALTER FUNCTION orders_reminder_of_subscription() SET search_path FROM CURRENT;
"""
REVERSE = """
ALTER FUNCTION orders_reminder_of_subscription() RESET search_path;
ALTER FUNCTION orders_reminder_of_cycle() RESET search_path;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0028_indexes_of_sweeps")]
    operations = [migrations.RunSQL(FORWARD, REVERSE)]
