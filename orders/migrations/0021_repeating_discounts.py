"""A discount may repeat on the later parcels of a refill."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0020_refill_extras'),
    ]

    operations = [
        migrations.AddField(
            model_name='discount',
            name='repeats',
            field=models.BooleanField(default=False, help_text='also every later parcel of a refill: an automatic one for everybody, a code for what it began'),
        ),
    ]
