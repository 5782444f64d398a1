"""Pictures of articles."""

import django.db.models.deletion
from django.db import migrations, models

import shop.images.models


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='ArticleImage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('original', models.FileField(max_length=120, storage=shop.images.models.originals, upload_to=shop.images.models.unguessable_name, verbose_name='file')),
                ('alt', models.CharField(help_text='Read out to those who do not see it; no claims.', max_length=200, verbose_name='what it shows')),
                ('position', models.PositiveSmallIntegerField(default=1000)),
                ('state', models.CharField(choices=[('waiting', 'being prepared'), ('ready', 'Ready'), ('failed', 'Failed')], default='waiting', editable=False, max_length=8)),
                ('renditions', models.JSONField(default=list, editable=False)),
                ('problem', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'article picture',
                'db_table': 'content_article_image',
                'ordering': ['position', 'id'],
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='articleimage',
            name='article',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='images', to='content.article'),
        ),
        migrations.AddIndex(
            model_name='articleimage',
            index=models.Index(fields=['article', 'position'], name='content_article_image_order'),
        ),
        migrations.AddConstraint(
            model_name='articleimage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), models.Q(('renditions', []), _negated=True), _connector='OR'), name='content_articleimage_ready_has_files'),
        ),
        migrations.AddConstraint(
            model_name='articleimage',
            constraint=models.CheckConstraint(condition=models.Q(('alt', ''), _negated=True), name='content_articleimage_has_alt'),
        ),
    ]
