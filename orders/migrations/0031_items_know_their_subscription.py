"""An item of a refill knows its subscription, also after the refill has let go of its cycle.

Items that were let go of before are told by what they are, where their customer has one such subscription.
"""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
UPDATE orders_refill_item item SET subscription_id = cycle.subscription_id
FROM orders_billing_cycle cycle WHERE cycle.id = item.cycle_id;

UPDATE orders_refill_item item SET subscription_id = only_one.id
FROM orders_refill refill, (
    SELECT customer_id, variant_id, min(id) AS id FROM orders_subscription
    GROUP BY customer_id, variant_id HAVING count(*) = 1
) only_one
WHERE item.cycle_id IS NULL AND item.extra_id IS NULL AND refill.id = item.refill_id
  AND only_one.customer_id = refill.customer_id AND only_one.variant_id = item.variant_id;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0030_refills_that_stumble")]

    operations = [
        migrations.AddField(
            model_name="refillitem",
            name="subscription",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.subscription",
            ),
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
