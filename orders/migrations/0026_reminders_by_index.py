"""Which reminder an open cycle waits for, kept by the tables themselves, and found by an index.

Whether a cycle is to be planned hangs on its subscription: is it active, has it a card, how long is its
interval. Many verbs change these, some for many rows at once; the triggers see them all. Fourteen days is
`schedule.SHORT_INTERVAL_DAYS`; a test compares the two.
"""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION orders_reminder_of_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.reminder := NULL;
    IF NEW.status = 'open' THEN
        SELECT CASE
            WHEN CASE interval_unit WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 30 END * interval_count <= 14
            THEN 'short' ELSE 'long' END
        INTO NEW.reminder
        FROM orders_subscription
        WHERE id = NEW.subscription_id AND status = 'active' AND card_id IS NOT NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_billing_cycle_reminder
    BEFORE INSERT OR UPDATE OF status, subscription_id, reminder ON orders_billing_cycle
    FOR EACH ROW EXECUTE FUNCTION orders_reminder_of_cycle();

CREATE FUNCTION orders_reminder_of_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- the cycle's own trigger knows the rule
    UPDATE orders_billing_cycle SET reminder = NULL WHERE subscription_id = NEW.id AND status = 'open';
    RETURN NULL;
END $$;
CREATE TRIGGER orders_subscription_reminder
    AFTER UPDATE OF status, card_id, interval_unit, interval_count ON orders_subscription
    FOR EACH ROW
    WHEN ((OLD.status, OLD.card_id, OLD.interval_unit, OLD.interval_count)
          IS DISTINCT FROM (NEW.status, NEW.card_id, NEW.interval_unit, NEW.interval_count))
    EXECUTE FUNCTION orders_reminder_of_subscription();

UPDATE orders_billing_cycle SET reminder = NULL WHERE status = 'open';
"""

REVERSE = """
DROP TRIGGER orders_subscription_reminder ON orders_subscription;
DROP FUNCTION orders_reminder_of_subscription();
DROP TRIGGER orders_billing_cycle_reminder ON orders_billing_cycle;
DROP FUNCTION orders_reminder_of_cycle();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('mail', '0004_words_when_sent'),
        ('orders', '0025_bulk_changes_and_history'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingcycle',
            name='reminder',
            field=models.CharField(blank=True, choices=[('short', 'Short'), ('long', 'Long')], editable=False, max_length=5, null=True),
        ),
        migrations.RunSQL(FORWARD, REVERSE),
        migrations.RemoveIndex(
            model_name='billingcycle',
            name='orders_billing_cycle_unplanned',
        ),
        migrations.AddIndex(
            model_name='billingcycle',
            index=models.Index(condition=models.Q(('refill__isnull', True), ('reminder__isnull', False), ('status', 'open')), fields=['reminder', 'due_at', 'id'], name='orders_billing_cycle_waiting'),
        ),
    ]
