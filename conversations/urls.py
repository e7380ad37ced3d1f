"""Public addresses (DESIGN section 6: keep these names)."""

from django.urls import path

from conversations.views import conversations, generations, messages, stream

urlpatterns = [
    path("", conversations.new, name="new"),
    path("conversations/", conversations.listing, name="conversations"),
    path("conversations/<uuid:conversation_id>/", conversations.show, name="conversation"),
    path("conversations/<uuid:conversation_id>/earlier/<uuid:message_id>/", conversations.earlier, name="earlier"),
    path("conversations/<uuid:conversation_id>/title", conversations.title, name="title"),
    path("conversations/<uuid:conversation_id>/rename", conversations.rename, name="rename"),
    path("conversations/<uuid:conversation_id>/delete", conversations.delete, name="delete"),
    path("conversations/<uuid:conversation_id>/messages/", messages.post, name="post"),
    path("messages/<uuid:message_id>/edit", messages.edit, name="edit"),
    path("messages/<uuid:message_id>/choose", messages.choose, name="choose"),
    path("messages/<uuid:message_id>/regenerate", messages.regenerate, name="regenerate"),
    path("messages/<uuid:message_id>/continue", messages.go_on, name="continue"),
    path("messages/<uuid:message_id>/stream", stream.stream, name="stream"),
    path("generations/<uuid:generation_id>/stop", generations.stop, name="stop"),
]
