"""The admin as a whole: its name, and the one way to sign in."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin

admin.site.site_header = admin.site.site_title = f"{settings.SITE_NAME} administration"
admin.site.index_title = "Administration"
# Staff sign in where everybody does: a form of the admin's own would not ask for the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
