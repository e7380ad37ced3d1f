// The composer: Enter sends, text grows, is kept while it is not sent, and survives whatever goes wrong.

const touch = matchMedia("(hover: none) and (pointer: coarse)")
const grows = CSS.supports("field-sizing", "content")

const composer = () => document.getElementById("composer")
const draftName = (form) => `draft ${form.getAttribute("action")}`

// --- what is in it ----------------------------------------------------------

const refresh = (form) => {
  const box = form.elements.text
  const send = form.querySelector("[data-send]")
  if (send) send.disabled = !box.value.trim()
  if (!grows) {
    box.style.height = "auto"
    box.style.height = `${box.scrollHeight}px`
  }
}

const keepDraft = (form, text) => {
  if (text) sessionStorage.setItem(draftName(form), text)
  else sessionStorage.removeItem(draftName(form))
}

const fill = (form, text) => {
  const box = form.elements.text
  box.value = text
  box.setSelectionRange(text.length, text.length)
  keepDraft(form, text)
  refresh(form)
}

const begin = (form) => {
  const draft = sessionStorage.getItem(draftName(form))
  if (draft && !form.elements.text.value) fill(form, draft)
  refresh(form)
}

document.addEventListener("input", ({ target }) => {
  const form = target.form
  if (target.name !== "text" || !form) return
  if (form.id === "composer") keepDraft(form, target.value)
  refresh(form)
})

document.addEventListener("click", ({ target }) => {
  const suggestion = target.closest("[data-suggestion]")
  if (!suggestion) return
  fill(composer(), suggestion.dataset.suggestion)
  composer().elements.text.focus()
})

// --- sending ----------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const { target } = event
  if (event.key !== "Enter" || target.name !== "text" || event.shiftKey) return
  // While an input method composes, Enter chooses its word; Safari reports that with key code 229 only.
  if (event.isComposing || event.keyCode === 229) return
  // Screen keyboards have no Shift+Enter.
  if (touch.matches && !event.ctrlKey && !event.metaKey) return
  event.preventDefault()
  const send = target.form.querySelector("[data-send]")
  if (send && !send.disabled) target.form.requestSubmit(send)
})

let sent = ""

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.elt.id !== "composer") return
  sent = detail.elt.elements.text.value
  document.getElementById("unsent").hidden = true
})

// What was typed while the message was on its way is the draft of the next one.
document.addEventListener("htmx:beforeSwap", ({ detail, defaultPrevented }) => {
  const form = detail.requestConfig?.elt
  if (form?.id !== "composer" || detail.xhr.status >= 300 || defaultPrevented) return
  const text = form.elements.text.value
  const next = text.startsWith(sent) ? text.slice(sent.length) : text
  keepDraft(form, "")
  const address = detail.xhr.getResponseHeader("HX-Push-Url")
  const action = address ? `${address}messages/` : form.getAttribute("action")
  if (next) sessionStorage.setItem(`draft ${action}`, next)
})

// A refusal brings the composer again, with the text and what is wrong. What does not (a 503 of a proxy) is a failure.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400 || !detail.shouldSwap) return
  const form = detail.requestConfig.elt
  detail.shouldSwap = form.id === "composer" && detail.serverResponse.includes('id="composer"')
  detail.isError = !detail.shouldSwap
  Object.assign(detail, { target: form, selectOverride: "#composer", swapOverride: "outerHTML" })
})

const unsent = ({ detail }) => {
  if (detail.elt.id !== "composer") return
  const notice = document.getElementById("unsent")
  const status = detail.xhr?.status ?? 0
  notice.querySelector("span").textContent =
    status >= 400 && status < 500
      ? `Not sent: the server refused it (${status}). Copy your message, reload the page and try again.`
      : "Not sent: the server could not be reached. Your message is still here."
  notice.hidden = false
}

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, unsent)

// --- whenever a composer or its button comes into the page ------------------

document.addEventListener("htmx:load", ({ target }) => {
  if (target.id === "composer" || target.id === "conversation") begin(composer())
  else if (target.closest?.("#composer")) refresh(composer())
  const edited = target.querySelector?.(".edit [autofocus]")
  if (edited) {
    edited.focus()
    edited.setSelectionRange(edited.value.length, edited.value.length)
  }
})

if (composer()) {
  begin(composer())
  if (!touch.matches && !document.querySelector("[autofocus]")) composer().elements.text.focus({ preventScroll: true })
}
