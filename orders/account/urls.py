"""The addresses below /account/."""

from django.urls import path

from orders.account import letters, push, views

app_name = "account"
urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signup/", views.signup, name="signup"),
    path("signout/", views.signout, name="signout"),
    path("language/", views.language, name="language"),
    path("letters/", letters.letters, name="letters"),
    path("letters/no/<str:token>/", letters.unsubscribe, name="unsubscribe"),
    path("letters/email/again/", letters.email_again, name="email_again"),
    path("letters/email/<str:token>/", letters.email, name="email"),
    path("push/", push.on, name="push"),
    path("push/off/", push.off, name="push_off"),
]
