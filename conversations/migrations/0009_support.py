from django.db import migrations, models


class Migration(migrations.Migration):
    """When this is applied, `conversations.roles` makes the groups of staff: once for each database."""

    dependencies = [
        ('conversations', '0008_exports'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(fields=['created_at'], name='conversations_by_date'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='action',
            field=models.CharField(choices=[('transcript_read', 'read a conversation'), ('export_begun', 'began an export'), ('export_downloaded', 'downloaded an export'), ('export_cancelled', 'cancelled an export'), ('account_deleted', 'deleted an account'), ('price_changed', 'changed a price'), ('recompute_applied', 'recomputed costs'), ('recompute_reversed', 'took a recompute back'), ('budget_changed', 'changed a budget'), ('answer_stopped', 'stopped an answer')], max_length=30),
        ),
    ]
