"""Addresses of the library: public, no sign-in; the literature pages are for clinicians."""

from django.urls import path

from consult.library import literature, views

app_name = "library"
urlpatterns = [
    path("", views.index, name="index"),
    path("literature/", literature.index, name="literature"),
    path("literature/saved/", literature.saved, name="saved"),
    path("literature/export/<slug:form>", literature.export, name="export"),
    path("literature/<uuid:pk>/similar", literature.similar, name="similar"),
    path("literature/<uuid:pk>/save", literature.save, name="save"),
    path("literature/saved/<uuid:pk>/remove", literature.unsave, name="unsave"),
    path("document/<uuid:pk>", views.document, name="document"),
    path("<str:language>/<slug:topic>/", views.topic, name="topic"),
]
