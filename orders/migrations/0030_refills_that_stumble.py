from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mail", "0004_words_when_sent"), ("orders", "0029_triggers_know_their_schema")]

    operations = [
        migrations.AddField(
            model_name="refill",
            name="stumbles",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="refill",
            name="stumbled_over",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddField(
            model_name="refill",
            name="rests_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="refill",
            index=models.Index(
                condition=models.Q(("rests_until__isnull", False)),
                fields=["rests_until"],
                name="orders_refill_rests",
            ),
        ),
    ]
