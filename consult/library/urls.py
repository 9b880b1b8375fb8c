"""Addresses of the library: public, no sign-in; the literature pages are for clinicians."""

from django.urls import path

from consult.library import views

app_name = "library"
urlpatterns = [
    path("", views.index, name="index"),
    path("<str:language>/<slug:topic>/", views.topic, name="topic"),
    path("document/<uuid:pk>", views.document, name="document"),
]
