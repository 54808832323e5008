"""Routes of segregation of duties and of access reviews."""

from django.urls import path

from reviews.views import duties

app_name = "reviews"
urlpatterns = [path("functiescheiding/", duties.duty_list, name="duty_list")]
