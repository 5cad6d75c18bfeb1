"""Addresses of the rider's pages, below /rider/."""

from django.urls import path

from tracking.rider import views

app_name = "rider"
urlpatterns = [
    path("", views.jobs, name="jobs"),
    path("duty/", views.duty, name="duty"),
    path("jobs/<str:order_id>/", views.job, name="job"),
    path("jobs/<str:order_id>/claim/", views.claim, name="claim"),
    path("jobs/<str:order_id>/release/", views.release, name="release"),
    path("jobs/<str:order_id>/collect/", views.collect, name="collect"),
    path("jobs/<str:order_id>/hand-over/", views.hand_over, name="hand_over"),
]
