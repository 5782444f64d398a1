"""Search entries of products and the words they use, kept by triggers."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

# One entry is written by one transaction at a time: the lock comes first, so that the statement after it
# sees what the others have committed.
FORWARD = """
CREATE FUNCTION catalog_search_refresh(wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shown text;
BEGIN
    PERFORM 1 FROM catalog_search_entry WHERE product_id = wanted FOR UPDATE;
    WITH sizes AS (
        SELECT string_agg(v.name, ' ' ORDER BY v.id) AS names,
               string_agg(concat_ws(' ', regexp_replace(lower(v.sku), '[^a-z0-9]', '', 'g'), v.gtin,
                                    'size' || v.net_content || v.net_unit), ' ' ORDER BY v.id) AS codes
        FROM catalog_variant v WHERE v.product_id = wanted AND v.archived_at IS NULL
    ), facts AS (
        SELECT p.name,
               concat_ws(' ', CASE p.scent WHEN 'none' THEN 'unscented' ELSE p.scent END, c.name, p.kind,
                         p.material, CASE WHEN p.directions ? 'foot' THEN 'foot soak' END,
                         CASE WHEN p.directions ? 'bath' THEN 'bath' END) AS shelf,
               p.summary, concat_ws(' ', p.description, p.inci, p.grade) AS rest, sizes.names, sizes.codes
        FROM catalog_product p JOIN catalog_category c ON c.id = p.category_id, sizes WHERE p.id = wanted
    ), written AS (
        INSERT INTO catalog_search_entry (product_id, vector)
        SELECT wanted,
               setweight(to_tsvector('english', unaccent(name)), 'A')
               || setweight(to_tsvector('simple', coalesce(codes, '')), 'A')
               || setweight(to_tsvector('english', unaccent(concat_ws(' ', shelf, names))), 'B')
               || setweight(to_tsvector('english', unaccent(summary)), 'C')
               || setweight(to_tsvector('english', unaccent(rest)), 'D')
        FROM facts
        ON CONFLICT (product_id) DO UPDATE SET vector = excluded.vector
    )
    SELECT lower(unaccent(concat_ws(' ', name, shelf, names, summary))) INTO shown FROM facts;
    WITH fresh AS MATERIALIZED (
        SELECT DISTINCT word FROM regexp_split_to_table(shown, '[^a-z]+') AS word
        WHERE length(word) BETWEEN 3 AND 60
          AND NOT EXISTS (SELECT 1 FROM catalog_search_word known WHERE known.word = word.word)
    )
    INSERT INTO catalog_search_word (word)
    SELECT word FROM fresh WHERE to_tsvector('english', word) <> ''::tsvector ORDER BY word
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION catalog_search_of_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_search_refresh(NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION catalog_search_of_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM catalog_search_refresh(OLD.product_id);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.product_id <> NEW.product_id) THEN
        PERFORM catalog_search_refresh(NEW.product_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION catalog_search_of_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_search_refresh(p.id)
    FROM (SELECT id FROM catalog_product WHERE category_id = NEW.id ORDER BY id) p;
    RETURN NULL;
END $$;

CREATE TRIGGER catalog_search_product_insert AFTER INSERT ON catalog_product
    FOR EACH ROW EXECUTE FUNCTION catalog_search_of_product();
CREATE TRIGGER catalog_search_product_update AFTER UPDATE ON catalog_product FOR EACH ROW
    WHEN ((OLD.name, OLD.summary, OLD.description, OLD.scent, OLD.kind, OLD.category_id, OLD.inci, OLD.grade,
           OLD.material, OLD.directions)
          IS DISTINCT FROM
          (NEW.name, NEW.summary, NEW.description, NEW.scent, NEW.kind, NEW.category_id, NEW.inci, NEW.grade,
           NEW.material, NEW.directions))
    EXECUTE FUNCTION catalog_search_of_product();
CREATE TRIGGER catalog_search_variant_change AFTER INSERT OR DELETE ON catalog_variant
    FOR EACH ROW EXECUTE FUNCTION catalog_search_of_variant();
CREATE TRIGGER catalog_search_variant_update AFTER UPDATE ON catalog_variant FOR EACH ROW
    WHEN ((OLD.product_id, OLD.sku, OLD.name, OLD.gtin, OLD.net_content, OLD.net_unit, OLD.archived_at)
          IS DISTINCT FROM
          (NEW.product_id, NEW.sku, NEW.name, NEW.gtin, NEW.net_content, NEW.net_unit, NEW.archived_at))
    EXECUTE FUNCTION catalog_search_of_variant();
CREATE TRIGGER catalog_search_category_update AFTER UPDATE ON catalog_category FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalog_search_of_category();

SELECT catalog_search_refresh(p.id) FROM (SELECT id FROM catalog_product ORDER BY id) p;
"""

REVERSE = """
DROP TRIGGER catalog_search_category_update ON catalog_category;
DROP TRIGGER catalog_search_variant_update ON catalog_variant;
DROP TRIGGER catalog_search_variant_change ON catalog_variant;
DROP TRIGGER catalog_search_product_update ON catalog_product;
DROP TRIGGER catalog_search_product_insert ON catalog_product;
DROP FUNCTION catalog_search_of_category();
DROP FUNCTION catalog_search_of_variant();
DROP FUNCTION catalog_search_of_product();
DROP FUNCTION catalog_search_refresh(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_product_facts")]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "db_table": "catalog_search_entry",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["vector"], name="catalog_search_entry_vector", fastupdate=False
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[("word", models.CharField(max_length=60, primary_key=True, serialize=False))],
            options={
                "db_table": "catalog_search_word",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["word"], name="catalog_search_word_alike", fastupdate=False, opclasses=["gin_trgm_ops"]
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, REVERSE),
    ]
