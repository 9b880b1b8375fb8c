"""Addresses of the patient's pages."""

from django.urls import path

from consult.chat import views, views_history, views_interview

app_name = "chat"
urlpatterns = [
    path("", views.start, name="start"),
    path("new/", views.new, name="new"),
    path("interview/", views_interview.page, name="interview"),
    path("search/", views_history.search, name="search"),
    path("<uuid:pk>/", views.conversation, name="conversation"),
    path("<uuid:pk>/messages/", views.post, name="post"),
    path("<uuid:pk>/snapshot/", views.snapshot, name="snapshot"),
    path("<uuid:pk>/person/", views.person, name="person"),
    path("<uuid:pk>/stop/", views.stop, name="stop"),
    path("<uuid:pk>/name/", views_history.rename, name="rename"),
    path("<uuid:pk>/rate/", views_history.rate, name="rate"),
    path("<uuid:pk>/copy/", views_history.export, name="export"),
]
