// A request of htmx that failed says so; whoever has been signed out is asked to sign in and comes back.

const toast = document.getElementById("toast")
let hiding

const say = (words) => {
  toast.textContent = words
  toast.hidden = false
  clearTimeout(hiding)
  hiding = setTimeout(() => (toast.hidden = true), 6000)
}

const failed = ({ detail }) => {
  const status = detail.xhr?.status ?? 0
  // The composer speaks for itself (composer.js), and a title that does not come is no failure.
  if (detail.elt.id === "composer" || detail.elt.hidden) return
  if (status === 404) say("This does not exist any more. Reload the page.")
  else if (status === 403) say("This page has become too old. Reload it and try again.")
  else say("That did not work: the server could not be reached. Try again.")
}

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, failed)

document.addEventListener("htmx:beforeSwap", (event) => {
  const answered = new URL(event.detail.xhr.responseURL || location.href)
  if (!answered.pathname.startsWith("/accounts/login")) return
  event.preventDefault()
  answered.searchParams.set("next", location.pathname)
  location.assign(answered)
})
