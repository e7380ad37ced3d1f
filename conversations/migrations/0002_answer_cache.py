from django.core.management import call_command
from django.db import migrations


def create_table(apps, schema_editor):
    call_command("createcachetable", "answer_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    """The table of the answer cache, for sites without Redis."""

    dependencies = [("conversations", "0001_initial")]

    operations = [migrations.RunPython(create_table, migrations.RunPython.noop)]
