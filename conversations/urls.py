"""Public addresses (DESIGN section 6: keep these names)."""

from django.urls import path

from conversations.views import (
    account,
    conversations,
    export_stream,
    exports,
    generations,
    messages,
    outlook,
    readers,
    stream,
    usage,
)

urlpatterns = [
    # First those of every answer: a request keeps, as long as it lasts, all that were tried before its own.
    path("messages/<uuid:message_id>/stream", stream.stream, name="stream"),
    path("conversations/<uuid:conversation_id>/messages/", messages.post, name="post"),
    path("", conversations.new, name="new"),
    path("usage/", usage.usage, name="usage"),
    path("outlook", outlook.show, name="outlook_of_new"),
    path("conversations/", conversations.listing, name="conversations"),
    path("conversations/<uuid:conversation_id>/", conversations.show, name="conversation"),
    path("conversations/<uuid:conversation_id>/earlier/<uuid:message_id>/", conversations.earlier, name="earlier"),
    path("conversations/<uuid:conversation_id>/title/after/<int:waited_s>", conversations.title, name="title"),
    path("conversations/<uuid:conversation_id>/outlook", outlook.show, name="outlook"),
    path("conversations/<uuid:conversation_id>/cost", outlook.cost, name="cost"),
    path("conversations/<uuid:conversation_id>/rename", conversations.rename, name="rename"),
    path("conversations/<uuid:conversation_id>/delete", conversations.delete, name="delete"),
    path("messages/<uuid:message_id>/edit", messages.edit, name="edit"),
    path("messages/<uuid:message_id>/choose", messages.choose, name="choose"),
    path("messages/<uuid:message_id>/regenerate", messages.regenerate, name="regenerate"),
    path("messages/<uuid:message_id>/continue", messages.go_on, name="continue"),
    path("generations/<uuid:generation_id>/stop", generations.stop, name="stop"),
    path("conversations/<uuid:conversation_id>/export/<slug:format_name>", exports.conversation, name="export_one"),
    path("exports/", exports.exports, name="exports"),
    path("exports/<uuid:export_id>/", exports.export, name="export"),
    path("exports/<uuid:export_id>/stream", export_stream.stream, name="export_stream"),
    path("exports/<uuid:export_id>/cancel", exports.cancel, name="export_cancel"),
    path("exports/<uuid:export_id>/download", exports.download, name="export_download"),
    path("accounts/delete/", account.delete, name="delete_account"),
    path("account/readers/", readers.readers, name="readers"),
]
