"""One-off items of refills, changes of terms as consents, and what a subscription began with."""

import django.db.models.deletion
import orders.models.refill_extra
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0011_packed_allocations'),
        ('orders', '0014_card_setups'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefillExtra',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(default=orders.models.refill_extra.new_extra_reference, max_length=20, unique=True)),
                ('quantity', models.PositiveIntegerField()),
                ('unit_price', models.PositiveBigIntegerField()),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('charged', 'Charged'), ('removed', 'Removed')], default='waiting', max_length=8)),
                ('added_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'orders_refill_extra',
                'ordering': ['id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='consent',
            name='orders_consent_one_per_order_and_kind',
        ),
        migrations.RemoveConstraint(
            model_name='subscription',
            name='orders_subscription_once',
        ),
        migrations.AddField(
            model_name='consent',
            name='subscription',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='orders.subscription'),
        ),
        migrations.AddField(
            model_name='refill',
            name='asked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='started_sku',
            field=models.CharField(default='', max_length=40),
        ),
        migrations.RunSQL(
            "UPDATE orders_subscription s SET started_sku = v.sku FROM catalog_variant v WHERE v.id = s.variant_id",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='consent',
            name='kind',
            field=models.CharField(choices=[('terms', 'Terms'), ('refill', 'Refill'), ('marketing', 'Marketing'), ('change', 'change of a refill')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='consent',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'change'), _negated=True), fields=('order', 'kind'), name='orders_consent_one_per_order_and_kind'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('started_by', 'started_sku'), name='orders_subscription_once'),
        ),
        migrations.AddField(
            model_name='refillextra',
            name='refill',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='extras', to='orders.refill'),
        ),
        migrations.AddField(
            model_name='refillextra',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extras', to='orders.subscription'),
        ),
        migrations.AddField(
            model_name='refillextra',
            name='variant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.variant'),
        ),
        migrations.AddField(
            model_name='refillitem',
            name='extra',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='orders.refillextra'),
        ),
        migrations.AddConstraint(
            model_name='refillitem',
            constraint=models.UniqueConstraint(fields=('refill', 'extra'), name='orders_refill_item_extra_once'),
        ),
        migrations.AddIndex(
            model_name='refillextra',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['subscription'], name='orders_refill_extra_waiting'),
        ),
        migrations.AddConstraint(
            model_name='refillextra',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='orders_refill_extra_quantity'),
        ),
        migrations.AddConstraint(
            model_name='refillextra',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', 'waiting')), models.Q(models.Q(('status', 'waiting'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='orders_refill_extra_ended'),
        ),
    ]
