// Runs before the first paint, so that nothing flashes: the reader's theme and whether the sidebar is open.
{
  const kept = (name) => {
    try {
      return localStorage.getItem(name)
    } catch {
      return null
    }
  }
  const root = document.documentElement
  const theme = kept("theme")
  if (theme === "light" || theme === "dark") root.dataset.theme = theme
  if (kept("sidebar") === "closed") root.dataset.sidebar = "closed"
}
