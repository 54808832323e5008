"""The products (modules) that can be enabled for an employer (domain.md section 3.3)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Product(models.IntegerChoices):
    LEAVE_SCHEME = 80, _("Leave scheme")
    LEAVE_REGISTRATION = 280, _("Leave registration")
    SIGNALS = 290, _("Notifications")
    EMPLOYEE_PORTAL = 500, _("Employee portal")
    LEAVE_CARD_ESS = 510, _("Leave card in ESS")
    PENSION_RETURN = 784, _("Pension return")
    LEAVE_REQUESTS_ESS = 787, _("Leave requests via ESS")
    PERSONNEL_FILE_ESS = 790, _("Personnel file in ESS")
    PENSION_RETURN_APG = 802, _("Pension return APG")
    QWOATER_LITE = 904, _("Dossier Qwoater Lite")
    QWOATER_DOCUMENTS = 909, _("Document generation Qwoater")
    PENSION_RETURN_UPA = 920, _("Pension return UPA")
    JOURNAL = 940, _("Journal entries")
    QWOATER_EXTENDED = 970, _("Qwoater extended")
