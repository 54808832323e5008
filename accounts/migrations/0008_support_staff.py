import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_two_factor_policies"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="provider", options={"verbose_name": "office", "verbose_name_plural": "offices"}
        ),
        migrations.AlterModelOptions(
            name="externaltenant", options={"verbose_name": "Azure AD tenant", "verbose_name_plural": "Azure AD tenants"}
        ),
        migrations.AlterModelOptions(
            name="user", options={"verbose_name": "user AK", "verbose_name_plural": "users AK"}
        ),
        migrations.AddField(
            model_name="user",
            name="is_support",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AlterField(
            model_name="user",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="users", to="accounts.provider"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["sort_name"], name="user_by_name_anywhere", opclasses=["varchar_pattern_ops"]),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(fields=("id", "is_support"), name="user_id_is_support"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_support", False), ("provider__isnull", False)),
                    models.Q(("is_support", True), ("login_method", "website_sso"), ("provider", None)),
                    _connector="OR",
                ),
                name="user_support_without_office",
            ),
        ),
    ]
