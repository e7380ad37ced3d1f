"""Users and groups with what they have spent: who it is, what they use, and the ways to all that is theirs."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from conversations.accounting.reports.spend import NOTHING, of_all_times, spend_of_people, this_month, total
from conversations.admin.figures import WithFigures, moment, spent
from conversations.admin.links import link, open_to, person_page, ways_of_group, ways_of_person
from conversations.leaving import delete_account, is_last_superuser
from conversations.models import Conversation, Generation

ONLY_SUPERUSERS_GIVE = ("is_staff", "is_superuser", "groups", "user_permissions")
SHOWN_MEMBERS = 100


class UseFilter(admin.SimpleListFilter):
    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("now", "An answer is being written"),
            ("month", "In the last 30 days"),
            ("quiet", "Not in the last 90 days"),
            ("never", "No conversations"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        theirs = Conversation.objects.filter(owner=OuterRef("pk"))
        match self.value():
            case "now":
                running = Generation.objects.active().values("conversation__owner_id")
                return queryset.filter(pk__in=running)
            case "month":
                return queryset.filter(Exists(theirs.filter(updated_at__gte=days_ago(30))))
            case "quiet":
                return queryset.filter(Exists(theirs)).exclude(Exists(theirs.filter(updated_at__gte=days_ago(90))))
            case "never":
                return queryset.exclude(Exists(theirs))
        return queryset


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


class OurUserAdmin(WithFigures, UserAdmin):  # type: ignore[type-arg]
    """Django's own, with figures. Roles are given by superusers alone, or staff could make themselves superusers."""

    list_display = (
        "username",
        "email",
        "spent_this_month",
        "spent_ever",
        "last_active",
        "conversations_kept",
        "answering",
        "is_staff",
    )
    list_filter = (UseFilter, "is_staff", "is_superuser", "is_active", "groups")
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("last_login", "date_joined")
    figures = ("spent_this_month", "spent_ever", "conversations_kept", "answering", "last_active", "ways")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets[:1], ("Use", {"fields": self.figures}), *fieldsets[1:]] if obj else fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        roles = () if request.user.is_superuser else ONLY_SUPERUSERS_GIVE
        return (*self.readonly_fields, *self.figures, *roles)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Counts: what they have written is nobody's to read here, and may be thousands of lines."""
        people = list(objs)
        kept = conversations_of([person.pk for person in people])
        numbers = {person: kept.get(person.pk, (0, None))[0] for person in people}
        safe = [person for person in people if not may_touch(request, person) or is_last_superuser(person)]
        lines = [f"{person.get_username()}, with conversations: {number}" for person, number in numbers.items()]
        return lines, {"users": len(people), "conversations": sum(numbers.values())}, set(), safe

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """As people delete their own account: running answers are stopped and billed, the ledger stays. Logged."""
        delete_account(obj, by=request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            self.delete_model(request, person)

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        for row in rows:
            row.ways = open_to(request, ways_of_person(row.pk))

    def add_figures(self, rows: Sequence[Any]) -> None:
        keys = [row.pk for row in rows]
        month, ever = spend_of_people(keys, this_month()), spend_of_people(keys, of_all_times())
        kept, running = conversations_of(keys), running_for(keys)
        for row in rows:
            row.month, row.ever = month.get(row.pk, NOTHING), ever.get(row.pk, NOTHING)
            row.kept, row.active_at = kept.get(row.pk, (0, None))
            row.running = running.get(row.pk, 0)

    # --- columns ------------------------------------------------------------

    @admin.display(description="this month")
    def spent_this_month(self, person: Any) -> str:
        return spent(person.month)

    @admin.display(description="in total")
    def spent_ever(self, person: Any) -> str:
        return spent(person.ever)

    @admin.display(description="conversations")
    def conversations_kept(self, person: Any) -> int:
        return int(person.kept)

    @admin.display(description="last active")
    def last_active(self, person: Any) -> str:
        return moment(person.active_at)

    @admin.display(description="answering")
    def answering(self, person: Any) -> int | str:
        return person.running or "–"

    @admin.display(description="see")
    def ways(self, person: Any) -> SafeString:
        return cast(SafeString, person.ways)


class OurGroupAdmin(WithFigures, GroupAdmin):
    list_display = ("name", "members", "spent_this_month")
    figures = ("members", "spent_this_month", "people", "ways")

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        use = [("Use", {"fields": self.figures})] if obj else []
        return [(None, {"fields": ("name",)}), *use, ("What its members may do", {"fields": ("permissions",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return self.figures

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """What a group may do is as much as its members get: for superusers."""
        return super().has_change_permission(request, obj) and request.user.is_superuser

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        for row in rows:
            row.ways = open_to(request, ways_of_group(row.pk))

    def add_figures(self, rows: Sequence[Any]) -> None:
        members = members_of([row.pk for row in rows])
        month = spend_of_people({key for keys in members.values() for key in keys}, this_month())
        for row in rows:
            row.member_keys = members[row.pk]
            row.month = total(month.get(key, NOTHING) for key in row.member_keys)

    @admin.display(description="members")
    def members(self, group: Any) -> int:
        return len(group.member_keys)

    @admin.display(description="this month")
    def spent_this_month(self, group: Any) -> str:
        return spent(group.month)

    @admin.display(description="who")
    def people(self, group: Group) -> SafeString | str:
        people = group.user_set.order_by("username").values_list("pk", "username")[:SHOWN_MEMBERS]
        return format_html_join(", ", "{}", ((link(name, person_page(key)),) for key, name in people)) or "nobody"

    @admin.display(description="see")
    def ways(self, group: Any) -> SafeString:
        return cast(SafeString, group.ways)


class AuthenticatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Second factors: seen without their secrets, and taken away from whoever lost the device."""

    list_display = ("user", "type", "created_at", "last_used_at")
    fields = ("user", "type", "created_at", "last_used_at")
    list_select_related = ["user"]
    list_filter = ["type"]
    search_fields = ["user__username", "user__email"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not lookup.startswith("data") and super().lookup_allowed(lookup, value, request)


def may_touch(request: HttpRequest, person: User | None) -> bool:
    """A superuser is changed by superusers only."""
    return bool(request.user.is_superuser or person is None or not person.is_superuser)


def conversations_of(people: Sequence[int]) -> dict[int, tuple[int, Any]]:
    """(how many they keep, when they last used one), by user key."""
    found = Conversation.objects.filter(owner__in=people).order_by().values_list("owner")
    return {key: (number, last) for key, number, last in found.annotate(Count("pk"), Max("updated_at"))}


def running_for(people: Sequence[int]) -> dict[int, int]:
    running = Generation.objects.active().filter(conversation__owner__in=people).order_by()
    return dict(running.values_list("conversation__owner").annotate(number=Count("pk")))


def members_of(groups: Sequence[int]) -> dict[int, list[int]]:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for group, user in User.groups.through.objects.filter(group__in=groups).values_list("group_id", "user_id"):
        members[group].append(user)
    return members


for model, ours in ((User, OurUserAdmin), (Group, OurGroupAdmin), (Authenticator, AuthenticatorAdmin)):
    admin.site.unregister(model)
    admin.site.register(model, ours)
