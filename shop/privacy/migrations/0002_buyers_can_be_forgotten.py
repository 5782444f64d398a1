"""Invoices stay append-only. Only the sweep that forgets, which says so, may blank a buyer, and nothing else."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION privacy_keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('shop.forgetting', true) = 'on'
        AND to_jsonb(NEW) - 'buyer' = to_jsonb(OLD) - 'buyer'
        AND NEW.buyer = '{"billing": [], "shipping": []}'::jsonb THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER orders_invoice_append_only ON orders_invoice;
CREATE TRIGGER orders_invoice_append_only
    BEFORE UPDATE OR DELETE ON orders_invoice
    FOR EACH ROW EXECUTE FUNCTION privacy_keep_invoice();
"""
REVERSE = """
DROP TRIGGER orders_invoice_append_only ON orders_invoice;
CREATE TRIGGER orders_invoice_append_only
    BEFORE UPDATE OR DELETE ON orders_invoice
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
DROP FUNCTION privacy_keep_invoice();
"""


class Migration(migrations.Migration):
    dependencies = [("privacy", "0001_initial"), ("orders", "0010_invoices")]
    operations = [migrations.RunSQL(FORWARD, REVERSE)]
