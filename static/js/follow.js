// Follows the end of the conversation while the reader is there, and never pulls back one who has scrolled away.

const NEAR_PX = 48
const page = document.documentElement
const toEnd = () => document.getElementById("to-end")
const listening = () => document.querySelector("[sse-connect]")
const distance = () => page.scrollHeight - innerHeight - scrollY

let following = true
let last = scrollY
let swappedAt = 0

const goToEnd = (behavior = "instant") => {
  following = true
  scrollTo({ top: page.scrollHeight, behavior })
}

const show = (away) => {
  const button = toEnd()
  if (!button) return
  button.hidden = !away
  if (!away) button.classList.remove("has-new")
}

addEventListener(
  "scroll",
  () => {
    const away = distance()
    if (away < NEAR_PX) following = true
    else if (scrollY < last) following = false
    if (scrollY < last && scrollY < innerHeight / 2) document.getElementById("earlier")?.click()
    last = scrollY
    show(away > innerHeight / 3)
  },
  { passive: true },
)

// Runs after layout and before paint, once per frame at most.
new ResizeObserver(() => {
  const grown = listening() || performance.now() - swappedAt < 1000
  if (following && grown) scrollTo({ top: page.scrollHeight, behavior: "instant" })
  else if (grown && distance() > NEAR_PX) {
    show(true)
    if (listening()) toEnd()?.classList.add("has-new")
  }
}).observe(document.body)

document.addEventListener("htmx:sseBeforeMessage", () => (swappedAt = performance.now()))

document.addEventListener("click", ({ target }) => {
  if (target.closest("#to-end")) goToEnd(matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth")
  // Opening something moves what is below it: that is no reason to move the reader.
  if (target.closest(".messages summary")) following = distance() < NEAR_PX && !listening()
})

document.addEventListener(
  "toggle",
  ({ target }) => target.matches(".usage[open]") && target.scrollIntoView({ block: "nearest" }),
  true,
)

// --- swaps ------------------------------------------------------------------

let fromEnd = 0

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  fromEnd = page.scrollHeight - scrollY
  if (detail.requestConfig?.elt.id === "composer" && detail.xhr.status < 300) following = true
})

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!detail?.requestConfig) return
  swappedAt = performance.now()
  if (detail.requestConfig.elt.id === "earlier") scrollTo({ top: page.scrollHeight - fromEnd, behavior: "instant" })
})

// --- the first sight of the page: its end, unless the browser restores where the reader was ------------------

const [navigation] = performance.getEntriesByType("navigation")
const restored = navigation && navigation.type !== "navigate"
if (!restored && !location.hash && document.getElementById("messages") && !document.querySelector(".edit, .later")) goToEnd()
else addEventListener("load", () => (following = distance() < NEAR_PX))
