from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_who_asked_for_an_address")]
    operations = [
        migrations.AddField(
            model_name="provider",
            name="two_factor_managers",
            field=models.BooleanField(default=False, verbose_name="Whoever manages the office"),
        ),
        migrations.AddField(
            model_name="provider",
            name="two_factor_from",
            field=models.DateField(blank=True, null=True, verbose_name="Everybody, from"),
        ),
        migrations.AddField(
            model_name="provider",
            name="two_factor_days",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="Everybody, so many days after the first login"),
        ),
        migrations.AddField(
            model_name="provider",
            name="two_factor_days_since",
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.CheckConstraint(
                condition=Q(two_factor_days=None, two_factor_days_since=None)
                | Q(two_factor_days__isnull=False, two_factor_days__range=(1, 90), two_factor_days_since__isnull=False),
                name="provider_two_factor_days",
            ),
        ),
    ]
