"""The circuit breaker of refills, one row; attempts are found by their time."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0021_repeating_discounts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RefillBreaker',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('closed', 'closed: refills are charged'), ('open', 'open: nothing is claimed'), ('probing', 'probing: one refill is tried')], default='closed', max_length=8)),
                ('cause', models.CharField(blank=True, choices=[('', 'None'), ('errors', 'Errors'), ('declines', 'Declines')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('tripped_at', models.DateTimeField(blank=True, null=True)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('counted_from', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'refill breaker',
                'db_table': 'orders_refill_breaker',
            },
        ),
        migrations.AddIndex(
            model_name='paymentattempt',
            index=models.Index(fields=['started_at'], name='orders_payment_attempt_recent'),
        ),
        migrations.AddField(
            model_name='refillbreaker',
            name='reset_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='refillbreaker',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='orders_refill_breaker_is_one_row'),
        ),
    ]
