"""Addresses of the clinician's pages."""

from django.urls import URLPattern, path

from consult.review import views

app_name = "review"
urlpatterns: list[URLPattern] = [
    path("", views.queue, name="queue"),
    path("queue.json", views.queue_json, name="queue_json"),
    path("<uuid:pk>/", views.case, name="case"),
    path("<uuid:pk>/case.json", views.case_json, name="case_json"),
    path("<uuid:pk>/documents/<uuid:document>/", views.document, name="document"),
    path("<uuid:pk>/documents/<uuid:document>/file/", views.document_file, name="document_file"),
    path("<uuid:pk>/claim/", views.claim, name="claim"),
    path("<uuid:pk>/reply/", views.reply, name="reply"),
    path("<uuid:pk>/approve/", views.approve, name="approve"),
    path("<uuid:pk>/release/", views.release, name="release"),
    path("<uuid:pk>/hand-over/", views.hand_over, name="hand_over"),
    path("<uuid:pk>/close/", views.close, name="close"),
    path("<uuid:pk>/lower/", views.lower, name="lower"),
]
