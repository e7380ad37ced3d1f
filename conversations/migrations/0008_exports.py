import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0007_alerts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ExportJob',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('everybody', models.BooleanField(default=False, help_text="Not only the requester's own conversations.")),
                ('filters', models.JSONField(blank=True, default=dict)),
                ('format', models.CharField(choices=[('archive', 'Archive (ZIP with everything)'), ('markdown', 'Markdown (ZIP, a file per conversation)'), ('html', 'HTML (ZIP, printable pages)'), ('csv', 'CSV (a row per message)'), ('jsonl', 'JSONL (a message per line)'), ('fine_tuning', 'Fine-tuning JSONL (OpenAI)')], max_length=12)),
                ('pseudonymise', models.BooleanField(default=False)),
                ('reason', models.TextField(blank=True)),
                ('status', models.CharField(choices=[('pending', 'waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('expired', 'Expired')], default='pending', max_length=10)),
                ('token', models.UUIDField(editable=False, help_text='Of the worker that has it.', null=True)),
                ('claims', models.PositiveSmallIntegerField(default=0, help_text='Since it last got any further.')),
                ('heartbeat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('total', models.PositiveIntegerField(help_text='Conversations.', null=True)),
                ('done', models.PositiveIntegerField(default=0, help_text='Conversations.')),
                ('messages', models.PositiveIntegerField(default=0)),
                ('position', models.UUIDField(help_text='The last conversation that is written.', null=True)),
                ('written', models.JSONField(blank=True, default=list)),
                ('file', models.CharField(blank=True, max_length=100)),
                ('bytes', models.PositiveBigIntegerField(null=True)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='export_jobs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['requested_by', '-created_at'], name='exports_of_user'), models.Index(condition=models.Q(('status__in', ('pending', 'running'))), fields=['created_at'], name='unfinished_exports')],
            },
        ),
    ]
