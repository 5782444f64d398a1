"""Rises of prices, and what was told of ending cards and of terms."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mail', '0003_suppression_and_copies'),
        ('orders', '0022_refill_breaker'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='savedcard',
            name='expiry_told_days',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='savedcard',
            name='expiry_told_month',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='terms_told_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(
            "UPDATE orders_subscription SET terms_told_at = created_at", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name='PriceRise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old_price', models.PositiveBigIntegerField()),
                ('new_price', models.PositiveBigIntegerField()),
                ('applies_at', models.DateTimeField()),
                ('notices', models.PositiveSmallIntegerField(default=0)),
                ('status', models.CharField(choices=[('announced', 'Announced'), ('applied', 'Applied'), ('withdrawn', 'Withdrawn')], default='announced', max_length=9)),
                ('decided_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('notice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mail.outboxmessage')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='price_rises', to='orders.subscription')),
            ],
            options={
                'db_table': 'orders_price_rise',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'announced')), fields=['applies_at'], name='orders_price_rise_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(('new_price__gt', models.F('old_price'))), name='orders_price_rise_rises'), models.UniqueConstraint(condition=models.Q(('status', 'announced')), fields=('subscription',), name='orders_price_rise_one_open')],
            },
        ),
    ]
