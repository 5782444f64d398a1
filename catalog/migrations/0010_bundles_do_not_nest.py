"""A bundle holds goods, never bundles: the table itself refuses, also when two people enter halves of a nest.

The lock makes the second of two concurrent writers wait and then see what the first one wrote.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION catalog_bundles_do_not_nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('catalog_bundle_component'));
    IF EXISTS (SELECT 1 FROM catalog_bundle_component WHERE bundle_id = NEW.variant_id)
        OR EXISTS (SELECT 1 FROM catalog_bundle_component WHERE variant_id = NEW.bundle_id)
    THEN
        RAISE EXCEPTION 'bundles do not nest' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_bundle_component_does_not_nest
    BEFORE INSERT OR UPDATE ON catalog_bundle_component
    FOR EACH ROW EXECUTE FUNCTION catalog_bundles_do_not_nest();
"""

REVERSE = """
DROP TRIGGER catalog_bundle_component_does_not_nest ON catalog_bundle_component;
DROP FUNCTION catalog_bundles_do_not_nest();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_import_jobs")]
    operations = [migrations.RunSQL(FORWARD, REVERSE)]
