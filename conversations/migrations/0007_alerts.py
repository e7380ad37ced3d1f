import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    """Alerts and their way to whoever should hear of them."""

    dependencies = [
        ('conversations', '0006_budgets'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False)),
                ('kind', models.CharField(choices=[('budget', 'part of a budget spent'), ('pace', 'a month that will end too high'), ('spike', 'an unusually dear day'), ('unpriced', 'a model without a price'), ('digest', 'the week in figures'), ('test', 'a test')], max_length=10)),
                ('subject', models.CharField(help_text="What it is about: a budget's account, the site, a model.", max_length=250)),
                ('first_day', models.DateField(help_text="The first day of the period it is about, in the site's time zone.")),
                ('level', models.PositiveSmallIntegerField(default=0, help_text='Per cent of a budget; 0 for alerts without levels.')),
                ('user_key', models.BigIntegerField(null=True)),
                ('title', models.CharField(max_length=200)),
                ('facts', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('kind', 'subject', 'first_day', 'level'), name='one_alert_per_period')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('webhook', 'Webhook')], max_length=7)),
                ('receiver', models.CharField(blank=True, help_text='An address; empty for the webhook.', max_length=254)),
                ('personal', models.BooleanField(default=False, help_text='Written to the person it is about.')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='conversations.alert')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='waiting_deliveries')],
                'constraints': [models.UniqueConstraint(fields=('alert', 'channel', 'receiver'), name='one_delivery_per_receiver')],
            },
        ),
    ]
