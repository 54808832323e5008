"""Routes of segregation of duties and of access reviews."""

from django.urls import path

from reviews.views import campaigns, decisions, duties, reports

app_name = "reviews"
urlpatterns = [
    path("functiescheiding/", duties.duty_list, name="duty_list"),
    path("beoordelingen/", campaigns.campaign_list, name="campaign_list"),
    path("beoordelingen/nieuw/", campaigns.new_campaign, name="new_campaign"),
    path("beoordelingen/<uuid:pk>/", campaigns.campaign_detail, name="campaign"),
    path("beoordelingen/<uuid:pk>/beoordelaars/", campaigns.edit_reviewers, name="reviewers"),
    path("beoordelingen/<uuid:pk>/wijzigen/", campaigns.edit_campaign, name="edit_campaign"),
    path("beoordelingen/<uuid:pk>/starten/", campaigns.start, name="start"),
    path("beoordelingen/<uuid:pk>/herinneren/", campaigns.remind, name="remind"),
    path("beoordelingen/<uuid:pk>/niet-herhalen/", campaigns.stop_series, name="stop_series"),
    path("beoordelingen/<uuid:pk>/beeindigen/", campaigns.close, name="close"),
    path("beoordelingen/<uuid:pk>/verwijderen/", campaigns.delete, name="delete_campaign"),
    path("beoordelingen/<uuid:pk>/plan/", campaigns.plan, name="plan"),
    path("beoordelingen/<uuid:pk>/beslissen/", decisions.decide, name="decide"),
    path("beoordelingen/<uuid:pk>/behouden/", decisions.keep_plain, name="keep_plain"),
    path("beoordelingen/<uuid:pk>/verslag/", reports.report, name="report"),
    path("beoordelingen/<uuid:pk>/verslag.xlsx", reports.workbook, name="report_workbook"),
    path("beoordelingen/<uuid:pk>/bewijs.json", reports.review_file, name="review_file"),
    path("functiescheiding/nieuw/", duties.create_rule, name="create_rule"),
    path("functiescheiding/<uuid:pk>/", duties.edit_rule, name="edit_rule"),
    path("functiescheiding/<uuid:pk>/verwijderen/", duties.delete_rule, name="delete_rule"),
    path("functiescheiding/<uuid:pk>/gebruikers/<uuid:user_id>/", duties.show_conflict, name="conflict"),
    path("functiescheiding/uitzonderingen/<uuid:pk>/goedkeuren/", duties.approve_exemption, name="approve_exemption"),
    path("functiescheiding/uitzonderingen/<uuid:pk>/beeindigen/", duties.end_exemption, name="end_exemption"),
]
