from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0004_prices")]

    operations = [
        migrations.CreateModel(
            name='ConversationSum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(db_index=True)),
                ('conversation_key', models.UUIDField()),
                ('user_key', models.BigIntegerField()),
                ('provider', models.CharField(max_length=60)),
                ('model', models.CharField(max_length=200)),
                ('calls', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(db_index=True, decimal_places=10, max_digits=24)),
            ],
            options={
                'indexes': [models.Index(fields=['conversation_key', 'day', 'cost_usd'], name='conversation_sums')],
                'constraints': [models.UniqueConstraint(fields=('day', 'conversation_key', 'user_key', 'provider', 'model'), name='one_conversation_sum')],
            },
        ),
        migrations.CreateModel(
            name='RolledSpan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('span', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], max_length=5)),
                ('start', models.DateField()),
                ('time_zone', models.CharField(help_text='In which the span begins and ends.', max_length=60)),
                ('stale', models.BooleanField(default=False)),
                ('rolled_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('span', 'start'), name='one_mark_per_span')],
            },
        ),
        migrations.CreateModel(
            name='UsageSum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('span', models.CharField(choices=[('day', 'Day'), ('month', 'Month')], max_length=5)),
                ('start', models.DateField()),
                ('user_key', models.BigIntegerField()),
                ('provider', models.CharField(max_length=60)),
                ('model', models.CharField(help_text='As it was asked for.', max_length=200)),
                ('purpose', models.CharField(max_length=12)),
                ('outcome', models.CharField(max_length=40)),
                ('confidence', models.CharField(max_length=10)),
                ('calls', models.BigIntegerField()),
                ('corrections', models.BigIntegerField()),
                ('unpriced', models.BigIntegerField()),
                ('uncounted', models.BigIntegerField()),
                ('fresh_input', models.BigIntegerField()),
                ('cache_read', models.BigIntegerField()),
                ('cache_write', models.BigIntegerField()),
                ('output', models.BigIntegerField()),
                ('reasoning', models.BigIntegerField()),
                ('cost_usd', models.DecimalField(decimal_places=10, max_digits=24)),
                ('saved_usd', models.DecimalField(decimal_places=10, max_digits=24)),
                ('cache_saved_usd', models.DecimalField(decimal_places=10, max_digits=24)),
                ('timed_output', models.BigIntegerField()),
                ('timed_ms', models.BigIntegerField()),
                ('waits', models.JSONField(default=dict)),
            ],
            options={
                'indexes': [
                    models.Index(fields=['span', 'start'], name='usage_sums_of_span'),
                    models.Index(condition=models.Q(('span', 'day'), ('unpriced__gt', 0)), fields=['start'], name='days_without_price'),
                ],
                'constraints': [models.UniqueConstraint(fields=('span', 'user_key', 'start', 'provider', 'model', 'purpose', 'outcome', 'confidence'), name='one_usage_sum')],
            },
        ),
    ]
