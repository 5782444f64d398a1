import json
from pathlib import Path

import django.core.validators
from django.db import migrations, models


SAYINGS = Path(__file__).parent.parent / "fixtures" / "sayings.json"


def fill(apps, schema_editor):
    """The shop's first synonyms; from here on they are staff's."""
    synonym = apps.get_model("catalog", "Synonym")
    synonym.objects.bulk_create(
        synonym(saying=saying, means=means) for saying, means in json.loads(SAYINGS.read_text()).items()
    )


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0011_packed_allocations'),
    ]

    operations = [
        migrations.CreateModel(
            name='Synonym',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('saying', models.CharField(max_length=60, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]+(?: [a-z0-9]+){0,3}\\Z', 'One to four words in small letters, without accents and signs: foot bath.')], verbose_name='what people type')),
                ('means', models.CharField(help_text='Words of our products. All of them: bath & flakes. One of them: scoop | spoon. In brackets: foot & (soak | bath).', max_length=200, validators=[django.core.validators.RegexValidator('\\A[a-z0-9 &|()]+\\Z', 'Words, &, | and brackets only.')], verbose_name='what they mean')),
            ],
            options={
                'verbose_name': 'search synonym',
                'db_table': 'catalog_search_synonym',
                'ordering': ['saying'],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
