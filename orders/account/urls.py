"""The addresses below /account/."""

from django.urls import path

from orders.account import views

app_name = "account"
urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signup/", views.signup, name="signup"),
    path("signout/", views.signout, name="signout"),
    path("language/", views.language, name="language"),
]
