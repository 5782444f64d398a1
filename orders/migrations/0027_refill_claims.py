from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0026_reminders_by_index")]

    operations = [
        migrations.AddField(
            model_name="refill",
            name="claims",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="refill",
            name="unanswered",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
