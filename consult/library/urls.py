"""Addresses of the library: public, no sign-in; the literature pages are for clinicians."""

from django.urls import path

from consult.library import literature, reviewing, views, views_summary

app_name = "library"
urlpatterns = [
    path("", views.index, name="index"),
    path("literature/", literature.index, name="literature"),
    path("literature/saved/", literature.saved, name="saved"),
    path("literature/export/<slug:form>", literature.export, name="export"),
    path("literature/<uuid:pk>/similar", literature.similar, name="similar"),
    path("literature/<uuid:pk>/save", literature.save, name="save"),
    path("literature/saved/<uuid:pk>/remove", literature.unsave, name="unsave"),
    path("literature/summaries/", views_summary.ask, name="summarise"),
    path("literature/summaries/<uuid:pk>/", views_summary.page, name="summary"),
    path("literature/summaries/<uuid:pk>/state", views_summary.state, name="summary_state"),
    path("literature/summaries/<uuid:pk>/stop", views_summary.stop, name="summary_stop"),
    path("review/", reviewing.index, name="review"),
    path("review/<uuid:pk>/", reviewing.edit, name="review_edit"),
    path("review/<uuid:pk>/approve", reviewing.approve, name="review_approve"),
    path("review/<uuid:pk>/versions", reviewing.versions, name="review_versions"),
    path("review/<uuid:pk>/versions/<int:number>/restore", reviewing.restore, name="review_restore"),
    path("document/<uuid:pk>", views.document, name="document"),
    path("<str:language>/<slug:topic>/", views.topic, name="topic"),
]
