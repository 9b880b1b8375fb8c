"""Addresses of the patient's pages."""

from django.urls import path

from consult.chat import views, views_documents, views_followup, views_history, views_interview

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
    path("<uuid:pk>/check-on-me/", views_followup.wish, name="wish"),
    path("<uuid:pk>/how/", views_followup.how, name="how"),
    path("<uuid:pk>/name/", views_history.rename, name="rename"),
    path("<uuid:pk>/documents/", views_documents.add, name="documents"),
    path("<uuid:pk>/documents/<uuid:document>/", views_documents.document, name="document"),
    path("<uuid:pk>/documents/<uuid:document>/state/", views_documents.state, name="document_state"),
    path("<uuid:pk>/documents/<uuid:document>/file/", views_documents.file, name="document_file"),
    path("<uuid:pk>/documents/<uuid:document>/use/", views_documents.use, name="document_use"),
    path("<uuid:pk>/documents/<uuid:document>/remove/", views_documents.remove, name="document_remove"),
    path("<uuid:pk>/rate/", views_history.rate, name="rate"),
    path("<uuid:pk>/copy/", views_history.take_along, name="take_along"),
    path("<uuid:pk>/copy/<slug:kind>/", views_history.export, name="export"),
]
