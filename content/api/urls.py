"""Addresses of the articles' API, under /api/v1/."""

from django.urls import path

from content.api import views

urlpatterns = [
    path("articles", views.ArticleListView.as_view(), name="article-list"),
    path("articles/<slug:slug>", views.ArticleDetailView.as_view(), name="article-detail"),
    path("topics", views.TopicListView.as_view(), name="topic-list"),
]
