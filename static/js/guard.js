// Keeps the stream of a running answer alive where browsers do not notice that it died: phones that slept, dropped
// networks, hidden tabs. htmx opens the stream (its sse extension); a fresh copy of the listening element opens another,
// which begins with `reset`. After `done` the element is gone and nothing reconnects.

const EVENTS = ["reset", "delta", "hb", "done"]
const SILENT_MS = 25_000 // the server sends `hb` every 15 s
const OPENING_MS = 2_000 // the server answers at once; a browser may have taken another connection that is dead, too
const AWAY_MS = 5_000 // hidden for longer: do not trust the connection
const HIDDEN_MS = 20_000 // hidden for longer: give the connection back
const TROUBLE_MS = 1_500 // shown after
const LOST_MS = 120_000 // given up after

const sources = new Set()
let heardAt = 0
let patience = SILENT_MS
let troubledAt = 0
let hiddenAt = 0
let lost = false
let watching

const listener = () => document.querySelector("[sse-connect]")

const heard = () => {
  heardAt = Date.now()
  patience = SILENT_MS
  troubledAt = 0
}

const closeAll = () => {
  for (const source of sources) source.close()
  sources.clear()
}

htmx.createEventSource = (url) => {
  const source = new EventSource(url)
  for (const name of EVENTS) source.addEventListener(name, heard)
  source.addEventListener("error", () => (troubledAt ||= Date.now()))
  if (lost) source.close()
  sources.add(source)
  heardAt = Date.now()
  watching ??= setInterval(watch, 500)
  return source
}

const reconnect = () => {
  const element = listener()
  if (!element) return
  lost = false
  closeAll()
  const fresh = element.cloneNode()
  element.replaceWith(fresh)
  htmx.process(fresh)
}

const show = (state) => {
  const message = listener().closest(".message, .job")
  if (message.dataset.connection !== state) message.dataset.connection = state
}

function watch() {
  if (!listener()) {
    clearInterval(watching)
    watching = undefined
    closeAll()
    return
  }
  const now = Date.now()
  if (document.hidden) {
    if (hiddenAt && now - hiddenAt > HIDDEN_MS) closeAll()
  } else if (!lost) {
    if (now - heardAt > patience) {
      patience = troubledAt ? Math.min(patience * 1.5, SILENT_MS) : OPENING_MS
      troubledAt ||= now
      reconnect()
    }
    lost = troubledAt > 0 && now - troubledAt > LOST_MS
    if (lost) closeAll()
    show(lost ? "lost" : troubledAt && now - troubledAt > TROUBLE_MS ? "reconnecting" : "fine")
  }
}

const revive = () => {
  troubledAt = 0
  patience = OPENING_MS
  reconnect()
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = Date.now()
  else if (Date.now() - hiddenAt > AWAY_MS) revive()
})
addEventListener("pagehide", closeAll)
addEventListener("pageshow", (event) => event.persisted && revive())
addEventListener("online", revive)
