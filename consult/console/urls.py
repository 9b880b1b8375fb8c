"""Addresses of the administrator's pages."""

from django.urls import URLPattern, path

from consult.console import views

app_name = "console"
urlpatterns: list[URLPattern] = [
    path("", views.today, name="today"),
    path("conversations/", views.conversations, name="conversations"),
    path("cases/", views.cases, name="cases"),
    path("replies/", views.replies, name="replies"),
    path("models/", views.models, name="models"),
    path("library/", views.library, name="library"),
    path("library/ingest/", views.ingest, name="ingest"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="invite"),
    path("people/<uuid:pk>/role/", views.change_role, name="change_role"),
    path("people/<uuid:pk>/active/", views.set_active, name="set_active"),
    path("people/<uuid:pk>/link/", views.new_link, name="new_link"),
    path("audit/", views.audit, name="audit"),
]
