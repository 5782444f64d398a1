"""Indexes for the sweeps that looked at every row on every turn. Measured by `make bench-refills`."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0011_packed_allocations'),
        ('mail', '0004_words_when_sent'),
        ('orders', '0027_refill_claims'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='refill',
            index=models.Index(condition=models.Q(('next_attempt_at__isnull', True), ('status__in', ['dunning', 'action_required'])), fields=['first_declined_at'], name='orders_refill_owner_waits'),
        ),
        migrations.AddIndex(
            model_name='savedcard',
            index=models.Index(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('exp_year'), '*', models.Value(12)), '+', models.F('exp_month')), condition=models.Q(('removed_at__isnull', True), models.Q(('expiry_told_days__lte', 7), ('expiry_told_month', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('exp_year'), '*', models.Value(12)), '+', models.F('exp_month'))), _negated=True)), name='orders_saved_card_ends'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('paused_until__isnull', False), ('status', 'paused')), fields=['paused_until', 'id'], name='orders_subscription_resumes'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('status', 'active')), fields=['terms_told_at'], name='orders_subscription_terms'),
        ),
    ]
