from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bulk", "0003_operations")]
    operations = [
        migrations.AddField("progress", "is_long", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("progress", "turns", models.PositiveSmallIntegerField(db_default=0, default=0)),
        migrations.SeparateDatabaseAndState(  # choices are no part of the table
            state_operations=[
                migrations.AlterField(
                    "page",
                    "what",
                    models.CharField(choices=[("items", "Items"), ("faults", "Faults"), ("rows", "Rows")], max_length=6),
                )
            ]
        ),
    ]
