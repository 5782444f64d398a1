"""The ledger of stock refuses updates and deletes, whoever tries. TRUNCATE stays possible, for tests."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION catalog_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER catalog_stock_movement_append_only
    BEFORE UPDATE OR DELETE ON catalog_stock_movement
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
"""

REVERSE = """
DROP TRIGGER catalog_stock_movement_append_only ON catalog_stock_movement;
DROP FUNCTION catalog_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_initial")]
    operations = [migrations.RunSQL(FORWARD, REVERSE)]
