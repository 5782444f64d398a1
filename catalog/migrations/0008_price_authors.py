"""Prices remember who entered and who ended them, and the table itself keeps their history.

"Begun" is measured at `catalog.price_at`, which the verbs set for their transaction (the shop's clock may be
moved in a drill), and at the database's clock for everybody else. TRUNCATE stays possible, for tests.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION catalog_price_keeps_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    measured_at timestamptz := COALESCE(
        NULLIF(current_setting('catalog.price_at', true), '')::timestamptz, clock_timestamp()
    );
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.starts_at <= measured_at THEN
            RAISE EXCEPTION 'a price that has begun is not deleted' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (to_jsonb(NEW) - 'ends_at' - 'ended_by_id') <> (to_jsonb(OLD) - 'ends_at' - 'ended_by_id') THEN
        RAISE EXCEPTION 'a price is not changed but for its end' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.ends_at IS DISTINCT FROM OLD.ends_at AND (OLD.ends_at <= measured_at OR NEW.ends_at < measured_at) THEN
        RAISE EXCEPTION 'a price that has ended stays so, and none ends in the past'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_price_keeps_history
    BEFORE UPDATE OR DELETE ON catalog_price
    FOR EACH ROW EXECUTE FUNCTION catalog_price_keeps_history();
"""

REVERSE = """
DROP TRIGGER catalog_price_keeps_history ON catalog_price;
DROP FUNCTION catalog_price_keeps_history();
"""


def author():
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_back_in_stock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField("price", "created_by", author()),
        migrations.AddField("price", "ended_by", author()),
        migrations.RunSQL(FORWARD, REVERSE),
    ]
