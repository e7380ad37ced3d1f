// The sidebar of the admin as it was left, before the page is painted: Django's own script would open it too late, and
// everything would jump aside.
if (localStorage.getItem("django.admin.navSidebarIsOpen") !== "false") {
  document.getElementById("main").classList.add("shifted")
}
