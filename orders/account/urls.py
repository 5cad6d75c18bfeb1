"""The addresses below /account/."""

from django.urls import path

from orders.account import letters, views

app_name = "account"
urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signup/", views.signup, name="signup"),
    path("signout/", views.signout, name="signout"),
    path("language/", views.language, name="language"),
    path("letters/", letters.letters, name="letters"),
    path("letters/no/<str:token>/", letters.unsubscribe, name="unsubscribe"),
]
