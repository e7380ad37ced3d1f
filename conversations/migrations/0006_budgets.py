import django.core.validators
import django.db.models.deletion
import uuid_utils.compat
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Budgets, their accounts by period, and what running answers have reserved."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("conversations", "0005_rollups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='People read it when they are refused.', max_length=100, unique=True)),
                ('scope', models.CharField(choices=[('site', 'everybody together'), ('group', 'the members of a group together'), ('user', 'one person'), ('each_user', 'everybody, each for themselves'), ('model', 'one model, everybody together')], default='each_user', max_length=10, verbose_name='for')),
                ('model', models.CharField(blank=True, help_text='provider:model, for example openai:gpt-5.5', max_length=200)),
                ('period', models.CharField(choices=[('day', 'a day'), ('month', 'a calendar month')], default='month', max_length=5)),
                ('limit_usd', models.DecimalField(decimal_places=4, max_digits=12, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='limit in US dollars')),
                ('hard', models.BooleanField(default=True, help_text='Refuses messages that would pass the limit. Otherwise it only warns.')),
                ('crossing', models.CharField(choices=[('finish', 'is finished'), ('stop', 'is stopped')], default='finish', help_text='Hard budgets only: answers are asked for so short that they fit; some models write on all the same.', max_length=6, verbose_name='a running answer that crosses it')),
                ('active', models.BooleanField(default=True)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='BudgetAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_key', models.BigIntegerField(help_text='Whose it is; empty when all share it.', null=True)),
                ('first_day', models.DateField(help_text="The first day of its period, in the site's time zone.")),
                ('spent_usd', models.DecimalField(decimal_places=10, default=Decimal('0'), max_digits=18)),
                ('reserved_usd', models.DecimalField(decimal_places=10, default=Decimal('0'), max_digits=18)),
                ('budget', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='accounts', to='conversations.budget')),
            ],
            options={
                'ordering': ['-first_day', 'user_key'],
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('generation_key', models.UUIDField(db_index=True)),
                ('amount_usd', models.DecimalField(decimal_places=10, max_digits=18)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reservations', to='conversations.budgetaccount')),
            ],
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('limit_usd__gte', 0)), name='budget_limit_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('group__isnull', False), ('model', ''), ('scope', 'group'), ('user', None)), models.Q(('group', None), ('model', ''), ('scope', 'user'), ('user__isnull', False)), models.Q(('group', None), ('scope', 'model'), ('user', None), models.Q(('model', ''), _negated=True)), models.Q(('group', None), ('model', ''), ('scope__in', ['site', 'each_user']), ('user', None)), _connector='OR'), name='budget_names_what_its_scope_needs', violation_error_message='A budget names the group, person or model it is for, and nothing else.'),
        ),
        migrations.AddConstraint(
            model_name='budgetaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('user_key', None)), fields=('budget', 'first_day'), name='one_shared_account_per_period'),
        ),
        migrations.AddConstraint(
            model_name='budgetaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('user_key__isnull', False)), fields=('budget', 'user_key', 'first_day'), name='one_account_per_person_and_period'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('generation_key', 'account'), name='one_reservation_per_run_and_account'),
        ),
    ]
