"""Addresses of the accounts room; allauth's own are under the same prefix."""

from django.urls import include, path

from accounts import views

urlpatterns = [
    path("consent/", views.consent, name="consent"),
    path("consent/withdraw/", views.withdraw_consent, name="withdraw_consent"),
    path("about-me/", views.about_me, name="profile"),
    path("about-me/delete/", views.delete_about_me, name="delete_profile"),
    path("with-an-adult/", views.with_an_adult, name="with_an_adult"),
    path("language/", views.set_language, name="set_language"),
    path("text-size/", views.set_text_size, name="set_text_size"),
    path("sign-in/<str:token>/", views.sign_in_by_link, name="sign_in_by_link"),
    path("account/", include("allauth.account.urls")),
]
